# The seed's commands for operators, over the gateway's HTTP API. Windows PowerShell 5.1 or PowerShell 7.
#
#   $env:EVA_GATEWAY = 'https://gateway.example'
#   Import-Module ./ConsoleGateway.psm1
#
# Passwords and codes are asked for, or taken from -Credential and -Code; nothing is stored.
# The gateway's certificate must be trusted by this computer: nothing here switches that check off.

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
if ($PSVersionTable.PSVersion.Major -lt 6) {
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
}

function Get-GatewayAddress {
    param([string] $Gateway)
    $address = if ($Gateway) { $Gateway } else { $env:EVA_GATEWAY }
    if (-not $address) { throw 'Name the gateway: -Gateway https://gateway.example, or $env:EVA_GATEWAY.' }
    if ($address -notmatch '^https://') { throw "The gateway's address must begin with https://: $address" }
    $address.TrimEnd('/')
}

function Get-Proof {
    param([pscredential] $Credential, [string] $Code)
    if (-not $Credential) { $Credential = Get-Credential -Message 'Your account at the console gateway' }
    if (-not $Code) { $Code = Read-Host 'One-time code' }
    $proof = @{ user = $Credential.UserName; password = $Credential.GetNetworkCredential().Password }
    if ($Code) { $proof.code = $Code }
    $proof
}

function Invoke-Gateway {
    # One call. A refusal is thrown in the gateway's own words.
    param([string] $Method, [string] $Uri, [hashtable] $Body, [string] $Token)
    $call = @{ Method = $Method; Uri = $Uri; Headers = @{ Accept = 'application/json' } }
    if ($Token) { $call.Headers.Authorization = "Bearer $Token" }
    if ($null -ne $Body) {
        $call.ContentType = 'application/json; charset=utf-8'
        $call.Body = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json $Body -Compress))
    }
    try { Invoke-RestMethod @call }
    catch {
        $said = "$($_.ErrorDetails)"
        try { $problem = ($said | ConvertFrom-Json).error } catch { $problem = $null }
        if ($problem) { throw "$($problem.code): $($problem.message)" }
        throw
    }
}

function Use-SignIn {
    # Signs in, runs the block with the token, and signs out whatever happens.
    param([string] $Base, [pscredential] $Credential, [string] $Code, [scriptblock] $Block)
    $signIn = Invoke-Gateway POST "$Base/api/v1/sign-ins" -Body (Get-Proof $Credential $Code)
    try { & $Block $signIn.token }
    finally { Invoke-Gateway DELETE "$Base/api/v1/sign-ins/current" -Token $signIn.token | Out-Null }
}

function Get-EscapedId {
    param([string] $ResourceID)
    [Uri]::EscapeDataString($ResourceID.Trim())
}

function ConnectTo-TenantVm {
    <#
    .SYNOPSIS
    Open the console of a VM whose tenant has consented, as cloudadmin, after proving who you are.
    .DESCRIPTION
    Opens the console's page in this computer's browser; with -PassThru the address is returned
    instead. The address works once, within a minute, and from this workstation only.
    .EXAMPLE
    ConnectTo-TenantVm -ResourceID /subscriptions/…/virtualMachines/web01
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)] [string] $ResourceID,
        [string] $Gateway, [pscredential] $Credential, [string] $Code, [switch] $PassThru
    )
    $base = Get-GatewayAddress $Gateway
    $body = Get-Proof $Credential $Code
    $body.resource_id = $ResourceID.Trim()
    $opened = Invoke-Gateway POST "$base/api/v1/consoles" -Body $body
    if ($PassThru) { return $opened.page }
    Start-Process $opened.page
    Write-Host "The console of $ResourceID opens in your browser. Access ends at $($opened.expires_at)."
}

function Delete-TenantVMSession {
    <#
    .SYNOPSIS
    Remove the tenant's consent for a VM; its console closes at once, for everybody.
    .EXAMPLE
    Delete-TenantVMSession -ResourceID /subscriptions/…/virtualMachines/web01 -Reason 'network is back'
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)] [string] $ResourceID, [string] $Reason = '',
        [string] $Gateway, [pscredential] $Credential, [string] $Code
    )
    $base = Get-GatewayAddress $Gateway
    $query = "resource_id=$(Get-EscapedId $ResourceID)&reason=$([Uri]::EscapeDataString($Reason))"
    Use-SignIn $base $Credential $Code {
        param($token)
        Invoke-Gateway DELETE "$base/api/v1/consents?$query" -Token $token
    }
}

function Grant-RdpAccessToErcsVM {
    <#
    .SYNOPSIS
    Add this workstation, or -Network, to the safelist of a node; an administrator's business.
    .EXAMPLE
    Grant-RdpAccessToErcsVM
    .EXAMPLE
    Grant-RdpAccessToErcsVM -Node AzS-ERCS02 -Network 10.20.0.0/28
    #>
    [CmdletBinding()]
    param(
        [string] $Node = 'current', [string] $Network,
        [string] $Gateway, [pscredential] $Credential, [string] $Code
    )
    $base = Get-GatewayAddress $Gateway
    $body = @{}
    if ($Network) { $body.network = $Network }
    $path = "$base/api/v1/nodes/$([Uri]::EscapeDataString($Node))/safelist"
    Use-SignIn $base $Credential $Code {
        param($token)
        Invoke-Gateway POST $path -Body $body -Token $token
    }
}

function Revoke-RdpAccessToErcsVM {
    <#
    .SYNOPSIS
    Take this workstation, or -Network, off a node's safelist; consoles opened from there close.
    #>
    [CmdletBinding()]
    param(
        [string] $Node = 'current', [string] $Network,
        [string] $Gateway, [pscredential] $Credential, [string] $Code
    )
    $base = Get-GatewayAddress $Gateway
    $path = "$base/api/v1/nodes/$([Uri]::EscapeDataString($Node))/safelist"
    if ($Network) { $path += "?network=$([Uri]::EscapeDataString($Network))" }
    Use-SignIn $base $Credential $Code {
        param($token)
        Invoke-Gateway DELETE $path -Token $token
    }
}

Export-ModuleMember -Function ConnectTo-TenantVm, Delete-TenantVMSession,
    Grant-RdpAccessToErcsVM, Revoke-RdpAccessToErcsVM
