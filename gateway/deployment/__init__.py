"""Template deployments, pure: a template and its parameters in, resources in their order out.

Templates are Azure Resource Manager's, in the subset that the VMAccess documentation needs. What
is not understood is refused by name and place, never passed over in silence.
"""
