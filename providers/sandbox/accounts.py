"""The credentials that the sandbox accepts: one account of each provider."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace

from .exchange import PEPIPOST, PROVIDERS, SINCH_CONVERSATION, SINCH_WHATSAPP


@dataclass(frozen=True)
class PepipostAccount:
    token: str = "sandbox-pepipost-token"  # noqa: S105 opens nothing but the sandbox


@dataclass(frozen=True)
class SinchWhatsAppAccount:
    bot: str = "sandbox-bot"
    token: str = "sandbox-whatsapp-token"  # noqa: S105 opens nothing but the sandbox


@dataclass(frozen=True)
class SinchConversationAccount:
    """`tokens_valid_from` is in Unix seconds: access tokens issued before it count as expired."""

    project: str = "00000000-0000-4000-8000-000000000001"
    app: str = "01HZCONSENTAPP000000000001"
    key_id: str = "sandbox-key-id"
    key_secret: str = "sandbox-key-secret"  # noqa: S105 opens nothing but the sandbox
    tokens_valid_from: float = 0.0


@dataclass
class Accounts:
    pepipost: PepipostAccount = field(default_factory=PepipostAccount)
    sinch_conversation: SinchConversationAccount = field(default_factory=SinchConversationAccount)
    sinch_whatsapp: SinchWhatsAppAccount = field(default_factory=SinchWhatsAppAccount)

    def set(self, provider: str, values: Mapping[str, object]) -> None:
        """Change some of a provider's credentials. ValueError: unknown provider, name or type."""
        if provider not in PROVIDERS:
            raise ValueError(f"provider must be one of {', '.join(PROVIDERS)}")
        account = getattr(self, provider)
        known = {item.name for item in fields(account)} - {"tokens_valid_from"}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"{provider} has no {', '.join(unknown)}; it has {sorted(known)}")
        if any(not isinstance(value, str) or not value for value in values.values()):
            raise ValueError("a credential must be text and not empty")
        setattr(self, provider, replace(account, **values))

    def expire_tokens(self, now: float) -> None:
        """Let every access token issued before `now` (Unix seconds) count as expired."""
        self.sinch_conversation = replace(self.sinch_conversation, tokens_valid_from=now)

    def show(self) -> dict[str, dict[str, object]]:
        return {
            PEPIPOST: asdict(self.pepipost),
            SINCH_CONVERSATION: asdict(self.sinch_conversation),
            SINCH_WHATSAPP: asdict(self.sinch_whatsapp),
        }
