"""The shapes of proofs and receipts, as the OpenAPI schema shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class SealBody(serializers.Serializer[Any]):
    statement = serializers.DictField(help_text="What is signed, as canonical JSON.")
    signature = serializers.CharField(help_text="Ed25519, in hexadecimal.")
    public_key = serializers.CharField(help_text="In hexadecimal.")


class ProofBody(serializers.Serializer[Any]):
    type = serializers.CharField()
    line = serializers.DictField(help_text="Every column of the line.")
    index = serializers.IntegerField(help_text="Which of the lines of its seal it is, from 0.")
    path = serializers.ListField(
        child=serializers.CharField(), help_text="From the line to the seal's root (RFC 9162)."
    )
    seal = SealBody()
    purposes = serializers.ListField(
        child=serializers.DictField(), help_text="What purposes meant then: id, key, parent."
    )
    detail = serializers.DictField(
        allow_null=True, help_text="The evidence and its salt; null once it is erased."
    )
    address = serializers.DictField(
        allow_null=True, help_text="The address and its salt; null once it is erased."
    )
    notice = serializers.DictField(
        required=False,
        help_text="What the person was shown, to the letter, where `detail` names it.",
    )


class ReceiptBody(serializers.Serializer[Any]):
    schema_version = serializers.CharField()
    receipt_id = serializers.UUIDField()
    consent_record = serializers.DictField(help_text="As docs/receipt.schema.json says.")
    proof = ProofBody(allow_null=True)
