"""The accounts of a demo VM's Windows: who may log on, who administers, what a password must be."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

_KINDS_WANTED: Final = 3


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Local security policy, "Password Policy". The defaults are a careful administrator's."""

    minimum_length: int = 12
    complexity: bool = True
    history: int = 5  # so many former passwords may not come again

    def allows(self, user: str, password: str, former: list[str]) -> bool:
        """Whether `user` may have that password after those."""
        if (
            len(password) < self.minimum_length
            or password in former[-self.history or len(former) :]
        ):
            return False
        return not self.complexity or _is_complex(user, password)


ANY_PASSWORD: Final = PasswordPolicy(0, complexity=False, history=0)


def _is_complex(user: str, password: str) -> bool:
    # "Password must meet complexity requirements": not the account's name, and three kinds of
    # letters among capitals, small ones, digits and the others.
    if 2 < len(user) and user.casefold() in password.casefold():
        return False
    kinds = [
        any(letter.isupper() for letter in password),
        any(letter.islower() for letter in password),
        any(letter.isdigit() for letter in password),
        any(not letter.isalnum() for letter in password),
    ]
    return _KINDS_WANTED <= sum(kinds)


@dataclass
class WindowsAccounts:
    """`users` are shared with the console: names as they are written, and passwords."""

    users: dict[str, str]
    administrators: set[str]
    policy: PasswordPolicy = field(default_factory=PasswordPolicy)
    disabled: set[str] = field(default_factory=set)
    former: dict[str, list[str]] = field(default_factory=dict)

    def find(self, name: str) -> str | None:
        """The account of that name, in whatever case it is written."""
        return next((user for user in self.users if user.casefold() == name.casefold()), None)

    def allows(self, user: str, password: str) -> bool:
        """Whether the policy does."""
        known = [*self.former.get(user, ()), *([self.users[user]] if user in self.users else ())]
        return self.policy.allows(user, password, known)

    def set_password(self, user: str, password: str) -> None:
        """Set it, and remember the one before."""
        if user in self.users:
            self.former.setdefault(user, []).append(self.users[user])
        self.users[user] = password

    def log_on(self, name: str, password: str) -> str | None:
        """The user whom name and password prove, if that user may log on."""
        user = self.find(name)
        expected = self.users.get(user or "", "")
        is_right = hmac.compare_digest(expected.encode(), password.encode())
        return user if user is not None and is_right and user not in self.disabled else None
