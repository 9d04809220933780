# One image for API, worker and migrations: `docker run comptoir api`, `… worker`, `… migrate`.
FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv .venv
COPY requirements.txt .
RUN .venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.txt
COPY service service
COPY workers workers
RUN .venv/bin/python -m compileall -q service workers

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home comptoir
WORKDIR /app
COPY --from=build /app .
COPY sql sql
COPY entrypoint LICENSE ./
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV HOST=0.0.0.0 PORT=8080 LOG_FORMAT=json
USER comptoir
EXPOSE 8080
STOPSIGNAL SIGTERM
# For the API; compose.yaml asks the worker in its own way.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez', timeout=4)"]
ENTRYPOINT ["./entrypoint"]
CMD ["api"]
