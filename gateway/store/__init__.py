"""The store: rows and their audit records, written in one commit. One file per aggregate."""

from gateway.store.accounts import Account
from gateway.store.agent_logs import LogLine
from gateway.store.audit import AuditEntry, AuditFilter
from gateway.store.audit_chain import AuditRecord, Broken, Checkpoint, Head, Intact, verify_chain
from gateway.store.authorization_codes import AuthorizationCode
from gateway.store.checkpoints import Checkpoints
from gateway.store.client_credentials import ClientCredential, NamedCredential
from gateway.store.deployments import Deployment
from gateway.store.device_codes import DeviceCode, DeviceState
from gateway.store.extensions import Extension
from gateway.store.identifiers import new_id
from gateway.store.operations import Operation
from gateway.store.recovery_actions import Origin, RecoveryAction
from gateway.store.scale_sets import ScaleSet
from gateway.store.sessions import ConsoleRecord, PastSession
from gateway.store.setup_links import SetupLink
from gateway.store.sign_ins import NamedSignIn, SignIn
from gateway.store.store import Store
from gateway.store.tickets import Ticket, TicketKind
from gateway.store.tokens import Token, TokenKind
from gateway.store.unit import Unit

__all__ = [
    "Account",
    "AuditEntry",
    "AuditFilter",
    "AuditRecord",
    "AuthorizationCode",
    "Broken",
    "Checkpoint",
    "Checkpoints",
    "ClientCredential",
    "ConsoleRecord",
    "Deployment",
    "DeviceCode",
    "DeviceState",
    "Extension",
    "Head",
    "Intact",
    "LogLine",
    "NamedCredential",
    "NamedSignIn",
    "Operation",
    "Origin",
    "PastSession",
    "RecoveryAction",
    "ScaleSet",
    "SetupLink",
    "SignIn",
    "Store",
    "Ticket",
    "TicketKind",
    "Token",
    "TokenKind",
    "Unit",
    "new_id",
    "verify_chain",
]
