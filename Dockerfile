# captaindata in a container: one image for syncs and for the receiver of events. From this folder:
#
#   docker build -t captaindata .
#
# A sync. Its exit code says how it went; cron or an orchestrator starts it:
#
#   docker run --rm --read-only --cap-drop all --security-opt no-new-privileges \
#       --volume captaindata:/data --volume /etc/captaindata:/config:ro \
#       captaindata sync --destination postgres
#
# The receiver of events, which also syncs every 15 minutes. TLS is the work of a proxy: see
# pipelines/listen.
#
#   docker run -d --name captaindata-listen --restart on-failure --stop-timeout 45 \
#       --read-only --cap-drop all --security-opt no-new-privileges \
#       --volume captaindata:/data --volume /etc/captaindata:/config:ro \
#       --publish 127.0.0.1:8790:8790 captaindata \
#       listen --host 0.0.0.0 --every 15m --inbox /data/events.db --destination postgres
#
# The same with podman; add `--format docker` to its build, for the health check. /etc/captaindata
# holds config.toml and secrets.toml, readable for user 10001; or leave it out and pass
# SOURCES__CAPTAINDATA__WORKSPACES and DESTINATION__POSTGRES__CREDENTIALS with --env-file.

ARG PYTHON=docker.io/library/python:3.11-slim

FROM ${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY .dlt/config.toml .dlt/secrets.toml.example .dlt/
COPY sql sql
COPY captaindata_source captaindata_source
RUN python3 -m venv /opt/captaindata \
    && /opt/captaindata/bin/pip install --no-cache-dir -c constraints.txt '.[listen,postgres]' \
    && /opt/captaindata/bin/pip uninstall -y pip setuptools

FROM ${PYTHON}
COPY --from=build /opt/captaindata /opt/captaindata
RUN groupadd --system --gid 10001 captaindata \
    && useradd --system --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin captaindata \
    && install -d -o captaindata -g captaindata -m 700 /data
ENV PATH=/opt/captaindata/bin:$PATH \
    HOME=/data \
    DLT_DATA_DIR=/data/dlt \
    DLT_CONFIG_FOLDER=/config \
    PYTHONDONTWRITEBYTECODE=1
USER captaindata
WORKDIR /data
# All that is written: dlt's working folder, and where they are wanted the inbox of events and a
# DuckDB file. A sync into Postgres needs nothing of it again: a tmpfs will do.
VOLUME /data
EXPOSE 8790
# Asks the receiver. A sync has no health but its exit code: it is healthy while it runs.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python3", "-c", "import urllib.request as r; b'listen' in open('/proc/1/cmdline', 'rb').read().split(b'\\0') and r.urlopen('http://127.0.0.1:8790/health', timeout=4)"]
# In exec form, so that a stop reaches it: a sync ends within five seconds, and keeps what it loaded.
ENTRYPOINT ["captaindata"]
CMD ["sync"]
