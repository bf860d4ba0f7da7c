# The production server: `mindbridge serve` behind gunicorn, without root, without tools to build with.
# Not yet run by its authors; tests/packaging reads it.

FROM python:3.13-slim AS build
WORKDIR /build
COPY . .
RUN python -m venv /opt/mindbridge \
    && /opt/mindbridge/bin/pip install --no-cache-dir '.[postgres,security,flask,cli]'

FROM python:3.13-slim
LABEL org.opencontainers.image.title="MindBridge" \
      org.opencontainers.image.licenses="Apache-2.0"
# The number is fixed so that the key ring's file can be owned by it on the host.
RUN groupadd --system --gid 10001 mindbridge \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin mindbridge
COPY --from=build /opt/mindbridge /opt/mindbridge
ENV PATH="/opt/mindbridge/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
# Health asks the process alone; readiness (database, keys, migrations) is /api/ready, for whoever routes requests to it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/api/health', timeout=2).close()"]
ENTRYPOINT ["mindbridge"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
