"""Models of a few thousand random weights, and a tokenizer that was trained on a few sentences, for tests."""

from __future__ import annotations

from typing import Any

TEXTS = (
    "The bank opens an account for a client who shows a passport and a proof of address.",
    "Does the fee of 12 euros apply to each transfer, or only to those above 5000 euros?",
    "A client asks whether the transfer was sent; the clerk checks the account and the address.",
)
SIZES = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 640,
    "bos_token_id": 0,
    "eos_token_id": 0,
}


def llama(**changes: Any) -> Any:
    """Plain attention throughout."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return _made(LlamaForCausalLM, LlamaConfig(**SIZES | changes))


def mistral() -> Any:
    """A sliding window that is shorter than the texts."""
    from transformers import MistralConfig, MistralForCausalLM

    return _made(MistralForCausalLM, MistralConfig(**SIZES, sliding_window=12))


def lfm2() -> Any:
    """Convolutions with a running state, which no cache can fork, between layers of attention."""
    from transformers import Lfm2Config, Lfm2ForCausalLM

    kinds = ["conv", "full_attention", "conv"]
    return _made(Lfm2ForCausalLM, Lfm2Config(**SIZES, layer_types=kinds))


def tokenizer(**special: str) -> Any:
    """Byte-level BPE with merges across a few words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>"], initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, **special)


def _made(kind: Any, config: Any) -> Any:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = kind(config)
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()
