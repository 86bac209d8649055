"""The process that talks to libvirt: its calls block, for as long as libvirt likes.

It imports libvirt's module, the standard library, and what bounds a child: to be up in a moment.
"""
