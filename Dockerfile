# One image for every part of Rota: `rota api`, `rota scheduler`, `rota worker`, or `rota up` for all in one.
FROM python:3.13-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
# Dependencies first: they change less often than Rota, and their layer is kept.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
COPY . .
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.13-slim
RUN useradd --create-home --uid 10001 rota \
    && install -d -o rota -g rota /data /data/keys
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH ROTA_DATA_DIR=/data ROTA_HOST=0.0.0.0 ROTA_PORT=8000
USER rota
WORKDIR /home/rota
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"ROTA_PORT\"]}/health', timeout=4)"]
ENTRYPOINT ["rota"]
CMD ["up"]
