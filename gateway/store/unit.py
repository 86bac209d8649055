"""One unit of work: every aggregate, on one connection, in one transaction."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.accounts import Accounts
from gateway.store.agent_logs import AgentLogs
from gateway.store.audit import AuditLog
from gateway.store.authorization_codes import AuthorizationCodes
from gateway.store.client_credentials import ClientCredentials
from gateway.store.consents import Consents
from gateway.store.deployments import Deployments
from gateway.store.device_codes import DeviceCodes
from gateway.store.extensions import Extensions
from gateway.store.features import Features
from gateway.store.grants import Grants
from gateway.store.links import Links
from gateway.store.operations import Operations
from gateway.store.recovery_actions import RecoveryActions
from gateway.store.safelist import Safelist
from gateway.store.scale_sets import ScaleSets
from gateway.store.sealed import Sealed
from gateway.store.sessions import Sessions
from gateway.store.setup_links import SetupLinks
from gateway.store.sign_ins import SignIns
from gateway.store.subscriptions import Subscriptions
from gateway.store.tickets import Tickets
from gateway.store.tokens import Tokens
from gateway.store.visits import Visits


class Unit:
    """What an action may read and write. Worth nothing once its `async with` is left."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.accounts = Accounts(connection)
        self.subscriptions = Subscriptions(connection)
        self.safelist = Safelist(connection)
        self.consents = Consents(connection)
        self.grants = Grants(connection)
        self.tickets = Tickets(connection)
        self.links = Links(connection)
        self.visits = Visits(connection)
        self.sign_ins = SignIns(connection)
        self.setup_links = SetupLinks(connection)
        self.credentials = ClientCredentials(connection)
        self.tokens = Tokens(connection)
        self.device_codes = DeviceCodes(connection)
        self.authorization_codes = AuthorizationCodes(connection)
        self.sessions = Sessions(connection)
        self.scale_sets = ScaleSets(connection)
        self.deployments = Deployments(connection)
        self.features = Features(connection)
        self.extensions = Extensions(connection)
        self.operations = Operations(connection)
        self.recovery_actions = RecoveryActions(connection)
        self.agent_logs = AgentLogs(connection)
        self.sealed = Sealed(connection)
        self.audit = AuditLog(connection)
