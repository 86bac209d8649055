"""The schema as SQLAlchemy sees it. `migrations/` builds it; a test holds the two equal."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.deployment.progress import DeploymentState
from gateway.policy.facts import EndCode, Role
from gateway.store.columns import Moment, Network, Seconds, Word

# Constraints are named by rule, so that a later migration can name what it changes.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

ID = String(64)
DIGEST = String(64)  # SHA-256 in hexadecimal
ADDRESS = String(64)  # an IP address as text, zone included
# The mark of a column that `identity` seals: `keys rotate` seals it anew.
SEALED = {"sealed": True}

accounts = Table(
    "accounts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(256), nullable=False),
    Column(
        "name_key", String(512), nullable=False, unique=True
    ),  # casefolded: one name, one account
    Column("role", Word(Role), nullable=False),
    Column("password_hash", Text),
    Column("code_secret", Text, info=SEALED),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
)

account_subscriptions = Table(
    "account_subscriptions",
    metadata,
    Column("account_id", ID, ForeignKey("accounts.id"), primary_key=True),
    Column("subscription_id", ID, primary_key=True),
)

# Each time step of a one-time code works once, on whichever node it is used.
used_codes = Table(
    "used_codes",
    metadata,
    Column("account_id", ID, ForeignKey("accounts.id"), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

safelist = Table(
    "safelist",
    metadata,
    Column("node", String(256), primary_key=True),
    Column("network", Network, primary_key=True),
    Column("added_by", String(256), nullable=False),
    Column("added_at", Moment, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", ID, primary_key=True),
    Column("vm_key", String(1024), nullable=False),
    Column("resource_id", String(1024), nullable=False),
    Column("subscription_id", ID, nullable=False),
    Column("node", String(256), nullable=False),
    Column("tenant", String(256), nullable=False),
    Column("tenant_account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("end_code", Word(EndCode)),
    Column("ended_by", String(256)),
    Column("end_reason", Text),
    Index(None, "vm_key", "expires_at"),
    Index(None, "expires_at"),
    Index(None, "given_at"),
)

grants = Table(
    "grants",
    metadata,
    Column("id", ID, primary_key=True),
    Column("consent_id", ID, ForeignKey("consents.id"), nullable=False, index=True),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("operator", String(256), nullable=False),
    Column("sign_in_id", ID, nullable=False, index=True),
    Column("address", ADDRESS, nullable=False),
    Column("stepped_up_at", Moment, nullable=False),
    Column("opened_at", Moment),
    Column("last_seen_at", Moment),
    Column("ended_at", Moment),
    Column("end_code", Word(EndCode)),
)

tickets = Table(
    "tickets",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("grant_id", ID, ForeignKey("grants.id"), nullable=False),
    Column("address", ADDRESS, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

links = Table(
    "links",
    metadata,
    Column("id", ID, primary_key=True),
    Column("digest", DIGEST, nullable=False, unique=True),
    Column("consent_id", ID, ForeignKey("consents.id"), nullable=False, index=True),
    Column("created_by", String(256), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("revoked_at", Moment),
)

visits = Table(
    "visits",
    metadata,
    Column("id", ID, primary_key=True),
    Column("digest", DIGEST, nullable=False, unique=True),
    Column("link_id", ID, ForeignKey("links.id"), nullable=False, index=True),
    Column("consent_id", ID, ForeignKey("consents.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("address", ADDRESS, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", ID, primary_key=True),
    Column("digest", DIGEST, nullable=False, unique=True),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("idle", Seconds, nullable=False),
    Column("stepped_up_at", Moment),
    Column("address", ADDRESS, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("ended_at", Moment),
)

setup_links = Table(
    "setup_links",
    metadata,
    Column("id", ID, primary_key=True),
    Column("digest", DIGEST, nullable=False, unique=True),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("code_secret", Text, info=SEALED),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("consent_id", ID, ForeignKey("consents.id"), nullable=False, index=True),
    Column("opened_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
    Column("end_code", Word(EndCode)),
    Column("end_reason", Text),
)

# Programs that act for an account (OAuth's clients with a secret), by their own id.
client_credentials = Table(
    "client_credentials",
    metadata,
    Column("id", ID, primary_key=True),  # the client id, a GUID
    Column("digest", DIGEST, nullable=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("created_by", String(256), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

# What an ARM client bears. Each belongs to a sign-in and counts no longer than it.
tokens = Table(
    "tokens",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("kind", String(16), nullable=False),  # access, refresh
    Column("sign_in_id", ID, ForeignKey("sign_ins.id"), nullable=False, index=True),
    Column("client_id", String(256), nullable=False),
    Column("audience", String(256), nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("used_at", Moment),  # a refresh token works once
)

# A program that waits for its person to approve it in a browser (RFC 8628).
device_codes = Table(
    "device_codes",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("user_code", String(16), nullable=False, unique=True),
    Column("client_id", String(256), nullable=False),
    Column("audience", String(256), nullable=False),
    Column("address", ADDRESS, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("polled_at", Moment),
    Column("state", String(16), nullable=False),  # pending, approved, denied, used
    Column("account_id", ID, ForeignKey("accounts.id")),
)

# Authorization codes with their PKCE challenge (RFC 7636).
authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("client_id", String(256), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("challenge", String(128), nullable=False),
    Column("audience", String(256), nullable=False),
    Column("nonce", Text, nullable=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("address", ADDRESS, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("used_at", Moment),
    Column("sign_in_id", ID, ForeignKey("sign_ins.id")),  # what it was exchanged for
)

# The global state of a feature; which subscriptions have it stands in `subscriptions`.
features = Table(
    "features",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("state", String(32), nullable=False),
    Column("changed_at", Moment, nullable=False),
)

# Extensions of VMs and of scale sets: what was asked for last, and how that stands.
extensions = Table(
    "extensions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("parent_key", String(1024), nullable=False),  # the VM's or scale set's id, lower case
    Column("parent_id", String(1024), nullable=False),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False),
    Column("location", String(128), nullable=False),
    Column("publisher", String(128), nullable=False),
    Column("type", String(128), nullable=False),
    Column("version", String(32), nullable=False),
    Column("auto_upgrade", Boolean, nullable=False),
    Column("force_update_tag", Text),
    Column("settings", Text, nullable=False),  # JSON
    Column("protected", Text, info=SEALED),  # JSON
    Column("provisioning_state", String(32), nullable=False),
    Column("action_id", ID),  # the newest action that it asked for
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("parent_key", "name_key"),
)

# A scale set as its owner last wrote it; its extensions are rows of `extensions`.
scale_sets = Table(
    "scale_sets",
    metadata,
    Column("key", String(1024), primary_key=True),
    Column("resource_id", String(1024), nullable=False),
    Column("model", Text, nullable=False),  # JSON
    Column("changed_at", Moment, nullable=False),
)

# What an ARM client polls; how it stands is told by its actions.
operations = Table(
    "operations",
    metadata,
    Column("id", ID, primary_key=True),
    Column("subscription_id", ID, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("target", String(1024), nullable=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("started_at", Moment, nullable=False, index=True),
)

# What was asked of a guest. A row says so before anything is sent, and what became of it.
recovery_actions = Table(
    "recovery_actions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("vm_key", String(1024), nullable=False),
    Column("resource_id", String(1024), nullable=False),
    Column("subscription_id", ID, nullable=False),
    Column("node", String(256), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("origin", String(16), nullable=False),  # arm, page, proposal
    Column("handler", String(256), nullable=False),
    Column("extension_name", String(128), nullable=False),
    Column("settings", Text, nullable=False),  # JSON
    Column("protected", Text, info=SEALED),  # JSON; gone once it is over
    Column("consent_id", ID, ForeignKey("consents.id"), index=True),
    Column("operation_id", ID, ForeignKey("operations.id"), index=True),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("requested_by", String(256), nullable=False),
    Column("decided_by", String(256)),  # who approved or declined a proposal
    Column("requested_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("ended_at", Moment),
    Column("steps", Text, nullable=False),  # JSON
    Column("error_code", String(128)),
    Column("message", Text, nullable=False),
    Column("note", Text, nullable=False),  # an operator's words about their proposal
    Index(None, "vm_key", "requested_at"),
    Index(None, "state"),
)

# The agent's log files of a VM, line by line, as the VMAccess documentation names them.
agent_logs = Table(
    "agent_logs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vm_key", String(1024), nullable=False),
    Column("handler", String(256), nullable=False),
    Column("version", String(32), nullable=False),
    Column("file", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("line", Text, nullable=False),
    Index(None, "vm_key", "id"),
)

# Template deployments, secrets taken out.
deployments = Table(
    "deployments",
    metadata,
    Column("id", ID, primary_key=True),
    Column("key", String(1024), nullable=False, unique=True),  # its resource id, lower case
    Column("resource_id", String(1024), nullable=False),
    Column("subscription_id", ID, nullable=False),
    Column("node", String(256), nullable=False),  # which sees it through
    Column("mode", String(16), nullable=False),
    Column("state", Word(DeploymentState), nullable=False),
    Column("parameters", Text, nullable=False),  # JSON
    Column("outputs", Text, nullable=False),  # JSON
    Column("resources", Text, nullable=False),  # JSON: each resource's id, and its operation's
    Column("pending", Text, info=SEALED),  # JSON: yet to be written; gone once it is over
    Column("correlation_id", ID, nullable=False),
    Column("account_id", ID, ForeignKey("accounts.id"), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index(None, "state"),
)

# The audit log keeps its moments and details as the very text that was hashed: the chain is
# verified over what lies in the file, not over what a driver made of it.
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("prev_hash", DIGEST, nullable=False),
    Column("hash", DIGEST, nullable=False),
    Index(None, "action", "seq"),
)

# One row: the newest record's place in the chain. On PostgreSQL its lock is the writers' queue.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", DIGEST, nullable=False),
)
