"""Typed settings: a TOML file, over it `EVA_…` environment variables, over these the flags."""

from __future__ import annotations

import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.errors import SettingsError

ENV_PREFIX: Final = "EVA_"


class Settings(BaseSettings):
    """Everything that can be configured. The reference in `docs/` is made from this class."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    node: str = Field(
        "AzS-ERCS01",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$",
        description="The name of this gateway process (the ERCS name that a tenant gets back). "
        "An operator reaches only the VMs that the inventory assigns to this node.",
    )
    listen: str = Field(
        "127.0.0.1:8443", description="Address and port of the pages, the API and the consoles."
    )
    public_base: str = Field(
        "https://localhost:8443",
        description="The address that browsers use. Share links start with it, and a console's "
        "WebSocket is opened only for pages of this origin.",
    )
    admin_listen: str | None = Field(
        None,
        description="Address and port of the administrators' Resource Manager endpoint (the "
        "adminmanagement host of the seed's scripts). Without it there is none.",
    )
    admin_public_base: str | None = Field(
        None,
        description="The address that administrators' clients use for it; it is also the audience "
        "of their tokens.",
    )
    location: str = Field(
        "local",
        pattern=r"^[a-z][a-z0-9]{0,62}$",
        description="The region's name, as Resource Manager's clients see it.",
    )
    operations_listen: str = Field(
        "127.0.0.1:9464",
        description="Loopback address and port of /livez, /readyz and /metrics.",
    )
    state_directory: Path = Field(
        Path("var"),
        description="Where the database, the secret key and the audit checkpoints lie. "
        "Made with mode 0700.",
    )
    database: str | None = Field(
        None,
        description="SQLAlchemy address of the store. Default: SQLite in the state directory.",
    )
    secret_key_file: Path | None = Field(
        None,
        description="The key that seals one-time-code secrets and signs forms; made with mode "
        "0600 where it is missing. Default: `secret.key` in the state directory.",
    )
    retired_secret_key_files: tuple[Path, ...] = Field(
        (),
        description="Former secret keys. They still open what they sealed, until "
        "`eva-gateway keys rotate` has sealed it anew.",
    )
    checkpoint_file: Path | None = Field(
        None,
        description="Where the head of the audit chain is noted every minute. Keep it on another "
        "disk: it is what betrays a cut-off tail. Default: `audit.checkpoints` in the "
        "state directory.",
    )
    inventory_file: Path | None = Field(
        None, description="The TOML file that lists the VMs. Without it there are none."
    )
    certificate_file: Path = Field(
        Path("certs/server.pem"),
        description="The TLS certificate with its chain. Read again on SIGHUP.",
    )
    private_key_file: Path = Field(
        Path("certs/server.key"), description="The certificate's private key."
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (),
        description="Reverse proxies whose X-Forwarded-For is believed. The workstation safelist "
        "judges the address found there.",
    )
    operator_linger_seconds: float = Field(
        120,
        ge=0,
        le=3600,
        description="How long a console waits for its operator to come back before it closes.",
    )
    guest_agent_wait_seconds: float = Field(
        300,
        ge=1,
        le=3600,
        description="How long a recovery action waits for a guest agent that does not answer.",
    )
    recovery_timeout_seconds: float = Field(
        5400,
        ge=1,
        le=86400,
        description="How long a recovery action may take once the agent has it; 90 minutes, as "
        "in Azure.",
    )
    max_connections: int = Field(
        4096,
        ge=16,
        description="Connections served at once; more are closed at accept. Lowered, with a "
        "warning, where the limit on open files leaves no room for so many and 128 more.",
    )
    log_format: Literal["json", "text"] = Field("json", description="How log lines look.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe events that are logged."
    )

    @field_validator("public_base", "admin_public_base")
    @classmethod
    def _is_https_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("must look like https://gateway.example:8443")
        return f"https://{parts.netloc}"

    @field_validator("listen", "operations_listen", "admin_listen")
    @classmethod
    def _is_host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            split_address(value)
        return value

    @field_validator("operations_listen")
    @classmethod
    def _is_loopback(cls, value: str) -> str:
        host, _ = split_address(value)
        if host != "localhost" and not ip_address(host).is_loopback:
            raise ValueError("must be a loopback address: what it serves is for this machine only")
        return value

    @model_validator(mode="after")
    def _admin_endpoint_is_whole(self) -> Self:
        if (self.admin_listen is None) != (self.admin_public_base is None):
            raise ValueError("admin_listen and admin_public_base: give both or neither")
        if self.admin_public_base == self.public_base:
            raise ValueError("admin_public_base: must differ from public_base")
        return self

    @property
    def database_url(self) -> str:
        default = f"sqlite+aiosqlite:///{self.state_directory.absolute() / 'gateway.sqlite3'}"
        return self.database or default

    @property
    def secret_key_path(self) -> Path:
        return self.secret_key_file or self.state_directory / "secret.key"

    @property
    def checkpoint_path(self) -> Path:
        return self.checkpoint_file or self.state_directory / "audit.checkpoints"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, file; no .env, no folder of secrets."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def load(cls, config: Path | None = None, **flags: Any) -> Settings:
        """Read the settings; flags that are None do not count.

        Raises: SettingsError, naming each wrong setting.
        """
        if config is not None and not config.is_file():
            raise SettingsError(f"cannot read {config}: no such file")

        class FromFile(cls):  # type: ignore[valid-type,misc]
            model_config = SettingsConfigDict(toml_file=config)

        try:
            return FromFile(**{name: value for name, value in flags.items() if value is not None})
        except ValidationError as error:
            raise SettingsError(_explain(error)) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{config} is not TOML: {error}") from None


def split_address(value: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port`, apart. Raises: ValueError."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or 65535 < int(port):
        raise ValueError("must look like 127.0.0.1:8443 or [::1]:8443")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _explain(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
    )
