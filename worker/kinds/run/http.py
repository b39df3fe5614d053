"""One HTTP call: what is sent, what comes back, and whether that is a success."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from common.domain.placeholders import NoValue, filled
from common.errors import DomainError
from common.kinds.http import Spec
from common.net import http
from common.net.addresses import Policy
from worker.kinds.run.control import Control, Failure
from worker.kinds.run.job import Job
from worker.kinds.run.report import Report

#: Bytes of an answer that are printed.
_SHOWN = 64_000
#: Headers of the answer that are kept, and characters of each. Cookies are somebody's sign-in.
_HEADERS, _LONGEST = 60, 500
_SECRET = {"set-cookie", "authorization", "proxy-authorization", "www-authenticate"}


def run(job: Job, report: Report, control: Control) -> None:
    """Make the call; raises Failure for an answer that was not expected, and for none."""
    spec = Spec.model_validate(job.spec)
    policy = Policy.of(job.needs["allowed_networks"], anything=spec.any_address)
    url, headers, body = _filled(job, spec)
    client = http.client(policy, timeout=spec.timeout, verify=spec.verify_tls, redirects=spec.redirects)
    print(f"{spec.method} {_bare(url)}", flush=True)
    with control.cancelling(client.close), client:
        _call(client, spec, url, headers, body, job, report, control)


def _filled(job: Job, spec: Spec) -> tuple[httpx.URL, dict[str, str], bytes]:
    """Address, headers and body with the variables in their places."""
    facts = job.execution
    values = {
        "ROTA_EXECUTION_ID": str(facts.id),
        "ROTA_TASK_NAME": facts.task_name,
        "ROTA_SCHEDULED_FOR": facts.scheduled_for.isoformat(),
        **job.variables,
    }
    try:
        address = filled(job.command.strip(), values, form="url")
        headers = {name: filled(value, values) for name, value in spec.headers.items()}
        body = filled(spec.body, values).encode()
        url = http.check_url(address)
    except (NoValue, DomainError) as error:
        raise Failure(str(error)) from None
    for name, value in headers.items():
        if any(ord(character) < 32 and character != "\t" for character in value):
            raise Failure(f"the header {name} would hold a line break")
    return url, headers, body


def _call(
    client: httpx.Client,
    spec: Spec,
    url: httpx.URL,
    headers: Mapping[str, str],
    body: bytes,
    job: Job,
    report: Report,
    control: Control,
) -> None:
    began = time.monotonic()
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    with _explained(spec, control), client.stream(spec.method, url, headers=sent, content=body or None) as answer:
        text, size = _read(answer, spec, job, report, control)
    seconds = time.monotonic() - began
    report.result(
        status=answer.status_code,
        reason=answer.reason_phrase,
        headers=_kept(answer.headers),
        bytes=size,
        seconds=round(seconds, 3),
        **({"file": spec.save_as} if spec.save_as else {}),
    )
    print(f"{answer.http_version} {answer.status_code} {answer.reason_phrase}, {size:,} bytes in {seconds:.2f} s")
    if text:
        print(text)
    if not _is_expected(answer.status_code, spec.expected):
        raise Failure(f"the server answered {answer.status_code}, expected was {', '.join(spec.expected)}")


@contextmanager
def _explained(spec: Spec, control: Control) -> Iterator[None]:
    """What went wrong, in plain words."""
    try:
        yield
    except DomainError as error:
        raise Failure(str(error)) from None
    except httpx.TimeoutException:
        raise Failure(f"no answer within {spec.timeout:g} s") from None
    except httpx.TooManyRedirects:
        raise Failure("more than five redirects") from None
    except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
        control.check()
        raise Failure(f"the call failed: {error or type(error).__name__}") from None


def _read(answer: httpx.Response, spec: Spec, job: Job, report: Report, control: Control) -> tuple[str, int]:
    """The beginning of the body as text, and how long all of it is; what comes packed is counted unpacked."""
    declared = answer.headers.get("content-length", "")
    total = int(declared) if declared.isdecimal() and "content-encoding" not in answer.headers else None
    shown, size = bytearray(), 0
    target = job.files / spec.save_as if spec.save_as else None
    file = target.open("wb") if target else None
    try:
        for piece in answer.iter_bytes(1 << 16):
            control.check()
            size += len(piece)
            if size > spec.max_bytes:
                raise Failure(f"the answer is longer than {spec.max_bytes:,} bytes")
            shown += piece[: max(0, _SHOWN - len(shown))]
            if file:
                file.write(piece)
            report.progress(size, total, unit="bytes")
    except BaseException:
        if target:
            target.unlink(missing_ok=True)
        raise
    finally:
        if file:
            file.close()
    return _text(answer, bytes(shown), size), size


def _text(answer: httpx.Response, data: bytes, size: int) -> str:
    """What can be read of the body."""
    if b"\0" in data:
        return f"({size:,} bytes that are no text)"
    text = (
        data.decode(answer.charset_encoding or "utf-8", "replace") if _known(answer) else data.decode(errors="replace")
    )
    return text if size <= len(data) else f"{text}\n… {size - len(data):,} bytes more"


def _known(answer: httpx.Response) -> bool:
    try:
        "".encode(answer.charset_encoding or "utf-8")
    except LookupError:
        return False
    return True


def _kept(headers: httpx.Headers) -> dict[str, str]:
    found = list(headers.items())[:_HEADERS]
    return {name: "***" if name.lower() in _SECRET else value[:_LONGEST] for name, value in found}


def _is_expected(status: int, expected: list[str]) -> bool:
    return any(each in (str(status), f"{status // 100}xx") for each in expected)


def _bare(url: httpx.URL) -> str:
    """The address without its query, which may hold what nobody should read."""
    return str(url.copy_with(query=None, fragment=None))
