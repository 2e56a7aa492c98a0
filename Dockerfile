# The service: docker build -t unprompt . ; with CUDA: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128
FROM python:3.12-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /opt/unprompt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" torch \
    && pip install --no-cache-dir '.[serve,postgres,c2pa,heif]' \
    && useradd --create-home unprompt \
    && install -d -o unprompt /var/lib/unprompt

USER unprompt
# Brought now, so that the container needs no network; without it photographs are judged by a lesser panel.
RUN unprompt fetch photo --method clip-layers
ENV HF_HUB_OFFLINE=1 XDG_DATA_HOME=/var/lib/unprompt
VOLUME /var/lib/unprompt
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=180s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz')"
# Other containers and machines always need a key: docker exec NAME unprompt keys add CLIENT
ENTRYPOINT ["unprompt", "serve", "--host", "0.0.0.0"]
