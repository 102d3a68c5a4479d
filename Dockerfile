# docker build --target cpu .     (the default)
# docker build --target cuda .    for NVIDIA GPUs: run with --gpus all
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/earshot
ENV PATH=/opt/earshot/bin:$PATH
WORKDIR /src
COPY requirements.lock requirements-cuda.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY asr asr
COPY policies policies
COPY service service
RUN pip install --no-deps --no-build-isolation .

FROM build AS build-cuda
RUN pip install --require-hashes -r requirements-cuda.lock

FROM python:3.11-slim-bookworm AS runtime
RUN groupadd --gid 10001 earshot \
    && useradd --uid 10001 --gid earshot --create-home --home-dir /var/lib/earshot earshot
ENV PATH=/opt/earshot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    EARSHOT_HOST=0.0.0.0 \
    EARSHOT_DATA_DIR=/var/lib/earshot/data \
    EARSHOT_ASR_CACHE_DIR=/var/lib/earshot/models
WORKDIR /var/lib/earshot
USER earshot
RUN mkdir data models
VOLUME ["/var/lib/earshot/data", "/var/lib/earshot/models"]
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["earshot"]
CMD ["serve"]

FROM runtime AS cuda
COPY --from=build-cuda /opt/earshot /opt/earshot
# CTranslate2 opens libcublas by name; its kernels for the newest GPUs are compiled once and kept.
ENV LD_LIBRARY_PATH=/opt/earshot/lib/python3.11/site-packages/nvidia/cublas/lib \
    CUDA_CACHE_PATH=/var/lib/earshot/models/cuda-cache \
    EARSHOT_ASR_DEVICE=cuda

FROM runtime AS cpu
COPY --from=build /opt/earshot /opt/earshot
