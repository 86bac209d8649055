"""`python -m gateway` is the command `eva-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
