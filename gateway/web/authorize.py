"""Where a program on one's own machine sends the browser to be approved (RFC 6749 §4.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

from aiohttp import web

from gateway.actions.authorize_program import Wish, approve_program, deny_program
from gateway.actions.inputs import client_id
from gateway.actions.tokens import require_audience
from gateway.edge import AUTHORIZE_PAGE, SERVICES, base_of, client_address, read_form
from gateway.errors import InvalidInput, NotSignedIn, Refused, Throttled
from gateway.identity.pkce import is_challenge
from gateway.policy.redirects import loopback_origin, nameable_in_a_policy
from gateway.web.device import question_problem, question_status
from gateway.web.headers import FORM_TARGET
from gateway.web.programs import KNOWN, Shown, permissions, program_name
from gateway.web.rendering import render
from gateway.web.sign_in import one_time_code

Mode = Literal["query", "form_post"]
MODES: Final[dict[str, Mode]] = {"": "query", "query": "query", "form_post": "form_post"}
MAX_STATE: Final = 2048
MAX_NONCE: Final = 512


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that can be answered."""

    wish: Wish
    state: str  # the program's own; it gets it back as it was
    mode: Mode
    origin: str  # of the program, on the person's own machine
    name: str  # whom the program expects

    @property
    def program(self) -> str:
        return program_name(self.wish.client_id)


@dataclass(frozen=True, slots=True)
class WayBack:
    """What the browser brings to the program, and how."""

    program: str
    approved: bool
    posted: bool
    address: str  # with the answer in its query, unless it is posted
    fields: dict[str, str]


def routes() -> list[web.RouteDef]:
    return [web.get(AUTHORIZE_PAGE, show), web.post(AUTHORIZE_PAGE, decide)]


async def show(request: web.Request) -> web.Response:
    asked = _asked(request)
    return await _question(request, asked, asked.name)


async def decide(request: web.Request) -> web.Response:
    """The request stands in the address still, and is judged once more."""
    services, asked, form = request.app[SERVICES], _asked(request), await read_form(request)
    address, now = client_address(request), services.clock()
    if form.get("decision") != "approve":
        await deny_program(services, asked.wish, address=address, now=now)
        why = "the sign-in was declined in the browser"
        return await _go_back(request, asked, error="access_denied", error_description=why)
    name = form.get("name", "").strip()
    try:
        code = await approve_program(
            services,
            asked.wish,
            name=name,
            password=form.get("password", ""),
            code=one_time_code(form),
            address=address,
            now=now,
        )
    except (NotSignedIn, Throttled, Refused) as error:
        return await _question(request, asked, name, error)
    return await _go_back(request, asked, code=code)


def _asked(request: web.Request) -> Asked:
    """Raises: InvalidInput, and then the browser goes nowhere; Refused (`invalid_scope`)."""
    said = _parameters(request)
    if said.get("response_type") != "code":
        raise InvalidInput("response_type", "only 'code' is answered here")
    redirect_uri = said.get("redirect_uri", "")
    origin = loopback_origin(redirect_uri)
    if origin is None:
        why = "a program gets its answer on the machine of this browser: http://localhost:port"
        raise InvalidInput("redirect_uri", why)
    require_audience([*said.get("scope", "").split(), *said.get("resource", "").split()],
                     base_of(request))  # fmt: skip
    wish = Wish(
        client_id=client_id(said.get("client_id", "")),
        redirect_uri=redirect_uri,
        challenge=_challenge(said),
        audience=base_of(request),
        nonce=_bounded(said, "nonce", MAX_NONCE),
    )
    return Asked(
        wish,
        state=_bounded(said, "state", MAX_STATE),
        mode=_mode(said.get("response_mode", ""), origin),
        origin=origin,
        name=_bounded(said, "login_hint", 128),
    )


def _parameters(request: web.Request) -> dict[str, str]:
    repeated = [name for name in request.query if 1 < len(request.query.getall(name))]
    if repeated:
        raise InvalidInput(repeated[0][:40], "it is given more than once")
    return dict(request.query)


def _challenge(said: dict[str, str]) -> str:
    """RFC 9700 §2.1.1: PKCE, and never `plain`, which a thief of the request could answer."""
    challenge = said.get("code_challenge", "")
    if said.get("code_challenge_method") != "S256" or not is_challenge(challenge):
        raise InvalidInput("code_challenge", "PKCE with the method S256 is needed")
    return challenge


def _mode(wanted: str, origin: str) -> Mode:
    mode = MODES.get(wanted)
    if mode is None:
        raise InvalidInput("response_mode", "'query' and 'form_post' are answered here")
    if mode == "form_post" and not nameable_in_a_policy(origin):
        raise InvalidInput("response_mode", "'form_post' needs localhost or 127.0.0.1")
    return mode


def _bounded(said: dict[str, str], name: str, most: int) -> str:
    value = said.get(name, "")
    if most < len(value) or not value.isprintable():
        raise InvalidInput(name, f"at most {most} printable characters")
    return value


async def _question(
    request: web.Request,
    asked: Asked,
    name: str,
    error: NotSignedIn | Throttled | Refused | None = None,
) -> web.Response:
    program = Shown(
        name=asked.program,
        client_id=asked.wish.client_id,
        known=asked.wish.client_id.lower() in KNOWN,
        may=permissions(request.app[SERVICES], asked.wish.audience),
        where=f"this computer, {asked.origin.removeprefix('http://')}",
    )
    response = await render(
        request,
        "pages/program.html",
        status=question_status(error),
        problem=question_problem(error),
        program=program,
        action=request.path_qs,
        name=name,
    )
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def _go_back(request: web.Request, asked: Asked, **fields: str) -> web.Response:
    """A page that takes the browser back; no redirect, which `form-action` would forbid.

    Programs of today want the answer posted, so that the code stands in no address: then, and on
    this page alone, a form may go to the program's own origin.
    """
    if asked.state:
        fields["state"] = asked.state
    posted = asked.mode == "form_post"
    if posted:
        request[FORM_TARGET] = asked.origin
    back = WayBack(
        program=asked.program,
        approved="code" in fields,
        posted=posted,
        address=asked.wish.redirect_uri + ("" if posted else f"?{urlencode(fields)}"),
        fields=fields,
    )
    return await render(request, "pages/way_back.html", back=back)
