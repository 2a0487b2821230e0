#!/bin/sh
# Serve the embedded model with vLLM on a loopback port, until stopped. Needs tests/vllm/build.sh first.
# Usage: tests/vllm/serve.sh PORT
set -eu

# Let the two kinds of telemetry, the model hub and the GPU probe stay out of it.
export VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 HF_HUB_OFFLINE=1 VLLM_TARGET_DEVICE=cpu
export VLLM_CPU_KVCACHE_SPACE=2
exec .venv-vllm/bin/python -m vllm.entrypoints.openai.api_server \
    --model .venv-vllm/model --served-model-name smollm2 --dtype bfloat16 --max-model-len 2048 --enforce-eager \
    --host 127.0.0.1 --port "$1"
