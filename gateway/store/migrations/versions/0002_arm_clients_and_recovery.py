"""Sign-ins of ARM clients, and what is asked of guests."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.String(64)  # an id, a SHA-256 digest, an address
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _authority()
    _recovery()


def downgrade() -> None:
    raise NotImplementedError("restore a backup instead")


def _authority() -> None:
    """What programs sign in with."""
    op.create_table(
        "client_credentials",
        sa.Column("id", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(256), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_client_credentials_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_client_credentials"),
    )
    op.create_index("ix_client_credentials_account_id", "client_credentials", ["account_id"])
    op.create_table(
        "tokens",
        sa.Column("digest", KEY, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sign_in_id", KEY, nullable=False),
        sa.Column("client_id", sa.String(256), nullable=False),
        sa.Column("audience", sa.String(256), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_ins.id"], name="fk_tokens_sign_in_id_sign_ins"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_tokens"),
    )
    op.create_index("ix_tokens_expires_at", "tokens", ["expires_at"])
    op.create_index("ix_tokens_sign_in_id", "tokens", ["sign_in_id"])
    op.create_table(
        "device_codes",
        sa.Column("digest", KEY, nullable=False),
        sa.Column("user_code", sa.String(16), nullable=False),
        sa.Column("client_id", sa.String(256), nullable=False),
        sa.Column("audience", sa.String(256), nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("polled_at", MOMENT),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("account_id", KEY),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_device_codes_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_device_codes"),
        sa.UniqueConstraint("user_code", name="uq_device_codes_user_code"),
    )
    op.create_index("ix_device_codes_expires_at", "device_codes", ["expires_at"])
    op.create_table(
        "authorization_codes",
        sa.Column("digest", KEY, nullable=False),
        sa.Column("client_id", sa.String(256), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("challenge", sa.String(128), nullable=False),
        sa.Column("audience", sa.String(256), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.Column("sign_in_id", KEY),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_authorization_codes_account_id_accounts"
        ),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_ins.id"], name="fk_authorization_codes_sign_in_id_sign_ins"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_authorization_codes"),
    )
    op.create_index("ix_authorization_codes_expires_at", "authorization_codes", ["expires_at"])


def _recovery() -> None:
    """What is asked of guests."""
    op.create_table(
        "features",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_features"),
    )
    op.create_table(
        "extensions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("parent_key", sa.String(1024), nullable=False),
        sa.Column("parent_id", sa.String(1024), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("name_key", sa.String(128), nullable=False),
        sa.Column("location", sa.String(128), nullable=False),
        sa.Column("publisher", sa.String(128), nullable=False),
        sa.Column("type", sa.String(128), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("auto_upgrade", sa.Boolean(), nullable=False),
        sa.Column("force_update_tag", sa.Text()),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("protected", sa.Text()),
        sa.Column("provisioning_state", sa.String(32), nullable=False),
        sa.Column("action_id", KEY),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_extensions"),
        sa.UniqueConstraint("parent_key", "name_key", name="uq_extensions_parent_key_name_key"),
    )
    op.create_table(
        "scale_sets",
        sa.Column("key", sa.String(1024), nullable=False),
        sa.Column("resource_id", sa.String(1024), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_scale_sets"),
    )
    op.create_table(
        "operations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("target", sa.String(1024), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_operations_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
    )
    op.create_index("ix_operations_started_at", "operations", ["started_at"])
    op.create_table(
        "recovery_actions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("vm_key", sa.String(1024), nullable=False),
        sa.Column("resource_id", sa.String(1024), nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("node", sa.String(256), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("handler", sa.String(256), nullable=False),
        sa.Column("extension_name", sa.String(128), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("protected", sa.Text()),
        sa.Column("consent_id", KEY),
        sa.Column("operation_id", KEY),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("requested_by", sa.String(256), nullable=False),
        sa.Column("decided_by", sa.String(256)),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("error_code", sa.String(128)),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_recovery_actions_account_id_accounts"
        ),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consents.id"], name="fk_recovery_actions_consent_id_consents"
        ),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operations.id"], name="fk_recovery_actions_operation_id_operations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_actions"),
    )
    op.create_index("ix_recovery_actions_consent_id", "recovery_actions", ["consent_id"])
    op.create_index("ix_recovery_actions_operation_id", "recovery_actions", ["operation_id"])
    op.create_index("ix_recovery_actions_state", "recovery_actions", ["state"])
    op.create_index(
        "ix_recovery_actions_vm_key_requested_at", "recovery_actions", ["vm_key", "requested_at"]
    )
    op.create_table(
        "agent_logs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vm_key", sa.String(1024), nullable=False),
        sa.Column("handler", sa.String(256), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("file", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agent_logs"),
    )
    op.create_index("ix_agent_logs_vm_key_id", "agent_logs", ["vm_key", "id"])
    op.create_table(
        "deployments",
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", sa.String(1024), nullable=False),
        sa.Column("resource_id", sa.String(1024), nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("node", sa.String(256), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("pending", sa.Text()),
        sa.Column("correlation_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_deployments_account_id_accounts"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("key", name="uq_deployments_key"),
    )
    op.create_index("ix_deployments_state", "deployments", ["state"])
