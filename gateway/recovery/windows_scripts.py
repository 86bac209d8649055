"""The PowerShell that runs in a Windows guest: one constant for each script, and its exit codes.

Not run on a real Windows guest here: there was none. Every script was written for Windows
PowerShell 5.1, which all supported versions have, and keeps to what that version documents.

Each script reads one JSON object from standard input, changes one thing, can be run twice without
harm, writes nothing but errors, and ends with one of the codes of `Exit`. Groups are found by their
SID, for their names are translated. Accounts are reached through ADSI's WinNT provider: unlike the
LocalAccounts module it is there in 32-bit hosts too, and it lists groups with orphaned members.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """How a script ended. Anything else is a failure that nobody foresaw; PowerShell's own is 1."""

    DONE = 0
    DOMAIN_CONTROLLER = 20
    NO_SUCH_ACCOUNT = 21
    NOT_AN_ADMINISTRATOR = 22
    PASSWORD_POLICY = 23
    UNSUPPORTED = 24
    FIREWALL_OFF = 25


DEFAULT_PORT: Final = 3389

# The names that logs show, and that a stand-in for a Windows guest answers by.
INSPECT_MACHINE: Final = "inspect-machine"
INSPECT_ACCOUNT: Final = "inspect-account"
CREATE_ADMINISTRATOR: Final = "create-administrator"
SET_PASSWORD: Final = "set-password"  # noqa: S105 - a script's name
ENABLE_ACCOUNT: Final = "enable-account"
ALLOW_CONNECTIONS: Final = "allow-connections"
RESTORE_PORT: Final = "restore-port"
OPEN_FIREWALL: Final = "open-firewall"
START_SERVICE: Final = "start-service"

_BEGIN: Final = r"""
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$given = [Console]::In.ReadToEnd() | ConvertFrom-Json
"""

# HRESULTs of NERR_UserNotFound; NERR_PasswordTooShort, ERROR_PASSWORD_RESTRICTION and
# ERROR_ILL_FORMED_PASSWORD, which is all that Windows says about a policy.
_ACCOUNTS: Final = r"""
$userNotFound = -2147022675
$policyRefusals = @(-2147022651, -2147023571, -2147023572)

function Get-Cause($record) {
    $record.Exception.GetBaseException().HResult
}

function Find-Account([string] $name) {
    try {
        $account = [ADSI] "WinNT://$env:COMPUTERNAME/$name,user"
        $account.psbase.RefreshCache()
        return $account
    } catch {
        if ((Get-Cause $_) -eq $userNotFound) { exit 21 }
        throw
    }
}

function Get-Administrators {
    $sid = New-Object System.Security.Principal.SecurityIdentifier 'S-1-5-32-544'
    $name = $sid.Translate([System.Security.Principal.NTAccount]).Value.Split('\')[-1]
    return [ADSI] "WinNT://$env:COMPUTERNAME/$name,group"
}
"""

_INSPECT_MACHINE: Final = r"""
$version = Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
if ([int] $version.CurrentBuildNumber -lt 10240) { exit 24 }
try {
    # Win32_ComputerSystem.DomainRole: 4 backup domain controller, 5 primary domain controller.
    $isController = 4 -le [int] (Get-CimInstance -ClassName Win32_ComputerSystem).DomainRole
} catch {
    # Without WMI the registry tells: a domain controller is a "LanmanNT" product.
    $options = 'HKLM:\SYSTEM\CurrentControlSet\Control\ProductOptions'
    $isController = (Get-ItemProperty -LiteralPath $options).ProductType -eq 'LanmanNT'
}
if ($isController) { exit 20 }
exit 0
"""

_INSPECT_ACCOUNT: Final = r"""
$account = Find-Account $given.user
$bytes = [byte[]] $account.psbase.Properties['objectSid'].Value
$wanted = (New-Object System.Security.Principal.SecurityIdentifier($bytes, 0)).Value
foreach ($member in @((Get-Administrators).psbase.Invoke('Members'))) {
    $bytes = [byte[]] $member.GetType().InvokeMember(
        'objectSid', [System.Reflection.BindingFlags]::GetProperty, $null, $member, $null)
    $sid = (New-Object System.Security.Principal.SecurityIdentifier($bytes, 0)).Value
    if ($sid -eq $wanted) { exit 0 }
}
exit 22
"""

_CREATE_ADMINISTRATOR: Final = r"""
$computer = [ADSI] "WinNT://$env:COMPUTERNAME,computer"
try {
    $account = $computer.psbase.Children.Add([string] $given.user, 'user')
    [void] $account.psbase.Invoke('SetPassword', [string] $given.password)
    $account.psbase.CommitChanges()
} catch {
    if ($policyRefusals -contains (Get-Cause $_)) { exit 23 }
    throw
}
try {
    [void] (Get-Administrators).psbase.Invoke('Add', "WinNT://$env:COMPUTERNAME/$($given.user),user")
} catch {
    # Half an administrator would be refused the next time: take the account away again.
    $computer.psbase.Children.Remove($account)
    throw
}
exit 0
"""

_CHANGE_ACCOUNT: Final = r"""
$account = Find-Account $given.user
try {
    [void] $account.psbase.Invoke('SetPassword', [string] $given.password)
} catch {
    if ($policyRefusals -contains (Get-Cause $_)) { exit 23 }
    throw
}
exit 0
"""

_ENABLE_ACCOUNT: Final = r"""
$account = Find-Account $given.user
# UF_ACCOUNTDISABLE 0x2 and UF_LOCKOUT 0x10, both taken away.
$flags = [int] $account.psbase.Properties['UserFlags'].Value
$account.psbase.Properties['UserFlags'].Value = $flags -band (-bnot 0x12)
$account.psbase.CommitChanges()
exit 0
"""

_REMOTE_DESKTOP: Final = r"""
$server = 'HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server'
$listener = "$server\WinStations\RDP-Tcp"
"""

_ALLOW_CONNECTIONS: Final = r"""
Set-ItemProperty -LiteralPath $server -Name 'fDenyTSConnections' -Value 0 -Type DWord
Set-ItemProperty -LiteralPath $listener -Name 'fEnableWinStation' -Value 1 -Type DWord
# A policy stands above the setting, where there is one.
$policy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services'
if (Test-Path -LiteralPath $policy) {
    if ((Get-Item -LiteralPath $policy).Property -contains 'fDenyTSConnections') {
        Set-ItemProperty -LiteralPath $policy -Name 'fDenyTSConnections' -Value 0 -Type DWord
    }
}
exit 0
"""

_RESTORE_PORT: Final = r"""
Set-ItemProperty -LiteralPath $listener -Name 'PortNumber' -Value ([int] $given.port) -Type DWord
exit 0
"""

# A port of 0 means: the one that is configured. '@FirewallAPI.dll,-28752' is the built-in group of
# Remote Desktop rules by its resource, in every language.
_OPEN_FIREWALL: Final = r"""
if ((Get-Service -Name 'MpsSvc').Status -ne 'Running') { exit 25 }
$port = [int] $given.port
if ($port -eq 0) { $port = [int] (Get-ItemProperty -LiteralPath $listener).PortNumber }
Get-NetFirewallRule -Group '@FirewallAPI.dll,-28752' -ErrorAction SilentlyContinue |
    Enable-NetFirewallRule
$rule = @{
    Name = 'VMAccess-RemoteDesktop-In-TCP'
    Enabled = 'True'
    Direction = 'Inbound'
    Action = 'Allow'
    Profile = 'Any'
    Protocol = 'TCP'
    LocalPort = $port
}
if (Get-NetFirewallRule -Name $rule.Name -ErrorAction SilentlyContinue) {
    Set-NetFirewallRule @rule
} else {
    [void] (New-NetFirewallRule @rule -DisplayName 'VMAccess Remote Desktop (TCP-In)')
}
exit 0
"""

_START_SERVICE: Final = r"""
Set-Service -Name 'TermService' -StartupType Automatic
$service = Get-Service -Name 'TermService'
if ($given.restart -and $service.Status -eq 'Running') {
    Restart-Service -InputObject $service -Force -WarningAction SilentlyContinue
} else {
    Start-Service -InputObject $service -WarningAction SilentlyContinue
}
$service.WaitForStatus('Running', [TimeSpan]::FromSeconds(60))
exit 0
"""

SCRIPTS: Final[dict[str, str]] = {
    INSPECT_MACHINE: _BEGIN + _INSPECT_MACHINE,
    INSPECT_ACCOUNT: _BEGIN + _ACCOUNTS + _INSPECT_ACCOUNT,
    CREATE_ADMINISTRATOR: _BEGIN + _ACCOUNTS + _CREATE_ADMINISTRATOR,
    SET_PASSWORD: _BEGIN + _ACCOUNTS + _CHANGE_ACCOUNT,
    ENABLE_ACCOUNT: _BEGIN + _ACCOUNTS + _ENABLE_ACCOUNT,
    ALLOW_CONNECTIONS: _BEGIN + _REMOTE_DESKTOP + _ALLOW_CONNECTIONS,
    RESTORE_PORT: _BEGIN + _REMOTE_DESKTOP + _RESTORE_PORT,
    OPEN_FIREWALL: _BEGIN + _REMOTE_DESKTOP + _OPEN_FIREWALL,
    START_SERVICE: _BEGIN + _START_SERVICE,
}
