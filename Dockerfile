# Two stages: the first compiles redactor and installs it, with the locked dependencies, into /opt/redactor; the second
# carries only that. `--build-arg REDACTOR_COMPILE=0` leaves compiling out.
# Runs as an ordinary user and writes nowhere but /var/lib/redactor, so `--read-only` with that one volume is enough:
#   docker run --read-only -v redactor-data:/var/lib/redactor -v ./etc:/etc/redactor:ro -p 6432:6432 redactor
FROM python:3.12-slim AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/redactor
COPY requirements.lock requirements-dev.lock ./
RUN /opt/redactor/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements.lock
# The build backend comes from the development lock, into an environment of its own that is left behind.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY policies policies
COPY schemas schemas
COPY tools tools
COPY redactor redactor
ARG REDACTOR_COMPILE=1
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /src/dist . \
 && /opt/redactor/bin/pip install --no-cache-dir --no-deps --no-index /src/dist/*.whl \
 && /opt/redactor/bin/python -m compileall -q /opt/redactor/lib \
 && /opt/redactor/bin/redactor --version

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/redactor --create-home redactor
COPY --from=build /opt/redactor /opt/redactor
ENV PATH=/opt/redactor/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /etc/redactor
VOLUME /var/lib/redactor
EXPOSE 6432 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["redactor"]
CMD ["serve", "-c", "/etc/redactor/redactor.yaml"]
