"""Write a GGUF model as a safetensors folder that a vLLM server can load; does nothing when the folder is complete."""

from __future__ import annotations

import argparse
from pathlib import Path


def convert(gguf: Path, folder: Path) -> None:
    """Dequantize to bfloat16; the folder takes its name only when it is complete."""
    if folder.exists():
        return
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent),
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    part = folder.with_name(folder.name + ".part")
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.rename(folder)


def main() -> None:
    """Parse `GGUF FOLDER` and convert."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    convert(args.gguf, args.folder)


if __name__ == "__main__":
    main()
