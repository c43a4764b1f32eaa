"""Dockerfile and the files in `pipelines/` name what is there: options, ports, paths, limits."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from captaindata_source.cli import listen, main
from captaindata_source.events import processes, receiver, serving
from captaindata_source.warehouse.interrupts import GRACE_SECONDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "pipelines" / "listen"
UNIT = (FOLDER / "captaindata-listen.service").read_text(encoding="utf-8")
CADDY = (FOLDER / "Caddyfile").read_text(encoding="utf-8")
NGINX = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
CONTAINER = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SCHEDULE = ROOT / "pipelines" / "schedule"
SERVICE = (SCHEDULE / "captaindata-sync.service").read_text(encoding="utf-8")
CRONJOB = yaml.safe_load((SCHEDULE / "kubernetes-cronjob.yaml").read_text(encoding="utf-8"))
WORKFLOW = yaml.safe_load((SCHEDULE / "github-actions.yml").read_text(encoding="utf-8"))
README = (ROOT / "pipelines" / "README.md").read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
MIB = 1024 * 1024


def test_the_proxies_pass_on_what_the_receiver_takes() -> None:
    address = f"127.0.0.1:{listen.DEFAULT_PORT}"
    assert f"reverse_proxy {address} {{" in CADDY
    assert f"server {address};" in NGINX
    paths = {route.path for route in receiver.EventApp(has_loader=False)._app.routes}  # type: ignore[attr-defined]
    assert {"/events/{workspace:path}", "/health", "/ready"} == paths
    assert "path /events/* /health\n" in CADDY
    assert re.findall(r"location (?:= )?(\S+) \{", NGINX) == ["/events/", "/health", "/"]
    assert receiver.MAX_BODY == 64 * MIB
    assert "max_size 64MiB" in CADDY
    assert "client_max_body_size  64m;" in NGINX
    assert f"client_body_timeout   {receiver.BODY_SECONDS:.0f}s;" in NGINX
    assert not re.search(r"^\s*read_body", CADDY, re.MULTILINE), "Caddy would answer 200 after it"
    assert f"answers 408 after {receiver.BODY_SECONDS:.0f} s" in CADDY
    assert f"read_header {serving.HEAD_SECONDS:.0f}s\n" in CADDY
    assert f"client_header_timeout {serving.HEAD_SECONDS:.0f}s;" in NGINX


def test_the_proxies_keep_no_body_and_reuse_no_connection_that_the_receiver_closes() -> None:
    assert "proxy_request_buffering off;" in NGINX
    assert "request_buffers" not in CADDY
    for text, name in ((CADDY, "keepalive"), (NGINX, "keepalive_timeout")):
        (kept,) = re.findall(rf"\b{name} (\d+)s", text)
        assert int(kept) < serving.IDLE_SECONDS
        assert f"closes idle connections after {serving.IDLE_SECONDS} s" in text


@pytest.mark.parametrize("proxy", [CADDY, NGINX])
def test_the_secret_reaches_the_receiver_and_no_log(proxy: str) -> None:
    if proxy is NGINX:
        assert "proxy_set_header Authorization $http_authorization;" in proxy
        assert re.search(r"error_log \S+ warn;", proxy)
    forwarded = re.search(r"X-Forwarded-For \$remote_addr|sets X-Forwarded-For", proxy)
    assert forwarded, "without it a workspace without a secret would be open to all"


def test_the_commands_are_ones_that_the_parser_takes() -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    program, *arguments = shlex.split(line)
    options = main.build_parser().parse_args(arguments)
    assert (options.port, options.every) == (listen.DEFAULT_PORT, 900)
    assert options.inbox.startswith("%S/captaindata/")
    assert Path(program).name == "captaindata"
    for command in container_commands():
        options = main.build_parser().parse_args(command)
        assert options.destination == "postgres"
    assert (options.host, options.port, options.every) == ("0.0.0.0", listen.DEFAULT_PORT, 900)
    assert options.inbox == "/data/events.db"
    assert f"http://127.0.0.1:{listen.DEFAULT_PORT}/health" in CONTAINER
    assert f"EXPOSE {listen.DEFAULT_PORT}" in CONTAINER
    (line,) = re.findall(r"^ExecStart=(.*)$", SERVICE, re.MULTILINE)
    assert main.build_parser().parse_args(shlex.split(line)[1:]).max_minutes == 50


def container_commands() -> list[list[str]]:
    """What `docker run` gives to the image, in the head of the Dockerfile."""
    head = CONTAINER[: CONTAINER.index("ARG ")].replace("\\\n#", "")
    runs = re.findall(r"docker run .* captaindata +((?:sync|listen) .*)$", head, re.MULTILINE)
    assert len(runs) == 2
    return [shlex.split(each) for each in runs]


def test_kubernetes_runs_the_image_as_it_is_made() -> None:
    job = CRONJOB["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    options = main.build_parser().parse_args(container["args"])
    assert options.max_minutes * 60 < job["activeDeadlineSeconds"]
    assert pod["terminationGracePeriodSeconds"] > GRACE_SECONDS
    user = pod["securityContext"]
    assert {user["runAsUser"], user["runAsGroup"], user["fsGroup"]} == {10001}
    assert "--gid 10001 captaindata" in CONTAINER
    assert "--uid 10001 --gid 10001" in CONTAINER
    (volume,) = container["volumeMounts"]
    assert f"DLT_DATA_DIR={volume['mountPath']}/dlt" in CONTAINER
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    (rule,) = [each for each in job["podFailurePolicy"]["rules"] if each["action"] == "FailJob"]
    assert rule["onExitCodes"]["values"] == [main.USAGE]
    assert rule["onExitCodes"]["containerName"] == container["name"]
    (sync,) = [each for each in WORKFLOW["jobs"]["sync"]["steps"] if each.get("name") == "Sync"]
    assert [each["name"] for each in container["env"]] == [*sync["env"]]


def test_a_stop_has_time_to_end_what_runs() -> None:
    needed = serving.SHUTDOWN_SECONDS + 2 * processes.END_SECONDS
    for text, pattern in ((UNIT, r"TimeoutStopSec=(\d+)"), (CONTAINER, r"--stop-timeout (\d+)")):
        (seconds,) = re.findall(pattern, text)
        assert int(seconds) > needed


def test_the_extras_and_files_that_are_named_exist() -> None:
    for text in (UNIT, CONTAINER, SERVICE):
        for extras in re.findall(r"\[([a-z]+(?:,[a-z]+)*)\]'", text):
            assert set(extras.split(",")) <= EXTRAS.keys()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINER, re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())
    for folder in (FOLDER, SCHEDULE):
        files = {path.name for path in folder.iterdir() if path.is_file()}
        assert files == {*re.findall(rf"\({folder.name}/([^)]+)\)", README)}
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for line in copied for name in line.split()} == {
        line for line in allowed if line.startswith("!")
    }


def test_the_readme_names_each_answer_of_the_receiver() -> None:
    source = Path(receiver.__file__).read_text(encoding="utf-8")
    codes = {int(code) for code in re.findall(r"\b(4\d\d|503)\b", source)}
    said = {int(code) for code in re.findall(r"^\| (\d{3})", README, re.MULTILINE)}
    assert codes == {400, 401, 404, 408, 413, 415, 503}
    assert codes <= said
