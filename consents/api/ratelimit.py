"""Tells a caller how often it may call, before and after it has called too often.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-10 (2025-09-27): structured
fields, with one policy, named `key`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from consents.quotas import Quota


def fields(quota: Quota) -> Mapping[str, str]:
    """`q` calls in `w` seconds are allowed; `r` of them are left, and in `t` seconds all are."""
    window = int(quota.rate.span.total_seconds())
    wait = math.ceil(quota.resets_in.total_seconds())
    return {
        "RateLimit-Policy": f'"key";q={quota.rate.calls};w={window}',
        "RateLimit": f'"key";r={quota.remaining};t={wait}',
    }
