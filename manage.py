#!/usr/bin/env python
"""Optbook's commands: `./manage.py help` lists them."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    from django.core.management import execute_from_command_line

    from config.command_line import prepare

    prepare(sys.argv)
    execute_from_command_line(sys.argv)
