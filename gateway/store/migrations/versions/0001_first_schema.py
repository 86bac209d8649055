"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.String(64)  # an id, a SHA-256 digest, an address
MOMENT = sa.DateTime(timezone=True)
GENESIS = "0" * 64  # what the first audit record follows


def upgrade() -> None:
    _accounts()
    _rules()
    _consoles()
    _audit()


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead")


def _accounts() -> None:
    """Who may sign in, and who has."""
    op.create_table(
        "accounts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("name_key", sa.String(512), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("code_secret", sa.Text()),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("name_key", name="uq_accounts_name_key"),
    )
    op.create_table(
        "account_subscriptions",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_account_subscriptions_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("account_id", "subscription_id", name="pk_account_subscriptions"),
    )
    op.create_table(
        "used_codes",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_used_codes_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("account_id", "step", name="pk_used_codes"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("idle", sa.Integer(), nullable=False),
        sa.Column("stepped_up_at", MOMENT),
        sa.Column("address", KEY, nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_sign_ins_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sign_ins"),
        sa.UniqueConstraint("digest", name="uq_sign_ins_digest"),
    )
    op.create_index("ix_sign_ins_account_id", "sign_ins", ["account_id"])
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"])
    op.create_table(
        "setup_links",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.Column("code_secret", sa.Text()),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_setup_links_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_setup_links"),
        sa.UniqueConstraint("digest", name="uq_setup_links_digest"),
    )
    op.create_index("ix_setup_links_account_id", "setup_links", ["account_id"])


def _rules() -> None:
    """What admins decide for many."""
    op.create_table(
        "subscriptions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
    )
    op.create_table(
        "safelist",
        sa.Column("node", sa.String(256), nullable=False),
        sa.Column("network", KEY, nullable=False),
        sa.Column("added_by", sa.String(256), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("node", "network", name="pk_safelist"),
    )


def _consoles() -> None:
    """Consents, and everything that is drawn from one."""
    op.create_table(
        "consents",
        sa.Column("id", KEY, nullable=False),
        sa.Column("vm_key", sa.String(1024), nullable=False),
        sa.Column("resource_id", sa.String(1024), nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("node", sa.String(256), nullable=False),
        sa.Column("tenant", sa.String(256), nullable=False),
        sa.Column("tenant_account_id", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("end_code", sa.String(32)),
        sa.Column("ended_by", sa.String(256)),
        sa.Column("end_reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["tenant_account_id"], ["accounts.id"], name="fk_consents_tenant_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
    )
    op.create_index("ix_consents_expires_at", "consents", ["expires_at"])
    op.create_index("ix_consents_given_at", "consents", ["given_at"])
    op.create_index("ix_consents_vm_key_expires_at", "consents", ["vm_key", "expires_at"])
    op.create_table(
        "grants",
        sa.Column("id", KEY, nullable=False),
        sa.Column("consent_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("operator", sa.String(256), nullable=False),
        sa.Column("sign_in_id", KEY, nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("stepped_up_at", MOMENT, nullable=False),
        sa.Column("opened_at", MOMENT),
        sa.Column("last_seen_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("end_code", sa.String(32)),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_grants_account_id_accounts"
        ),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consents.id"], name="fk_grants_consent_id_consents"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
    )
    op.create_index("ix_grants_consent_id", "grants", ["consent_id"])
    op.create_index("ix_grants_sign_in_id", "grants", ["sign_in_id"])
    op.create_table(
        "tickets",
        sa.Column("digest", KEY, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("grant_id", KEY, nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name="fk_tickets_grant_id_grants"),
        sa.PrimaryKeyConstraint("digest", name="pk_tickets"),
    )
    op.create_index("ix_tickets_expires_at", "tickets", ["expires_at"])
    op.create_table(
        "links",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("consent_id", KEY, nullable=False),
        sa.Column("created_by", sa.String(256), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consents.id"], name="fk_links_consent_id_consents"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("digest", name="uq_links_digest"),
    )
    op.create_index("ix_links_consent_id", "links", ["consent_id"])
    op.create_table(
        "visits",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("link_id", KEY, nullable=False),
        sa.Column("consent_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consents.id"], name="fk_visits_consent_id_consents"
        ),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_visits_link_id_links"),
        sa.PrimaryKeyConstraint("id", name="pk_visits"),
        sa.UniqueConstraint("digest", name="uq_visits_digest"),
    )
    op.create_index("ix_visits_consent_id", "visits", ["consent_id"])
    op.create_index("ix_visits_link_id", "visits", ["link_id"])
    op.create_table(
        "sessions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("consent_id", KEY, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("end_code", sa.String(32)),
        sa.Column("end_reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consents.id"], name="fk_sessions_consent_id_consents"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_consent_id", "sessions", ["consent_id"])
    op.create_index("ix_sessions_opened_at", "sessions", ["opened_at"])


def _audit() -> None:
    """The chain, and its head."""
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", KEY, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("prev_hash", KEY, nullable=False),
        sa.Column("hash", KEY, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_action_seq", "audit", ["action", "seq"])
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": GENESIS}])
