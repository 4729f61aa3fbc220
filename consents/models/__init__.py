"""The tables of consent, by subject."""

from consents.models.evidence_files import EvidenceFile
from consents.models.imports import ImportChunk, ImportFile, ImportPiece, ImportRun
from consents.models.keys import ApiKey, IdempotencyRecord, KeyUse, VisitorUse
from consents.models.ledger import ConsentEvent, EventDetail
from consents.models.notices import Notice
from consents.models.people import ChannelIdentity, Contact, Sender
from consents.models.privacy import Disclosure, Erasure, LegalHold, RetentionRule
from consents.models.purposes import Keyword, Purpose
from consents.models.review import ReviewItem, Revocation
from consents.models.seals import Seal, SealKey, Verification
from consents.models.staff import StaffAction
from consents.models.standing import Confirmation, Consent, InboundMessage, Standing
from consents.models.tallies import DayTally, ReachTally, TallyMark

__all__ = [
    "ApiKey",
    "ChannelIdentity",
    "Confirmation",
    "Consent",
    "ConsentEvent",
    "Contact",
    "DayTally",
    "Disclosure",
    "Erasure",
    "EventDetail",
    "EvidenceFile",
    "IdempotencyRecord",
    "ImportChunk",
    "ImportFile",
    "ImportPiece",
    "ImportRun",
    "InboundMessage",
    "KeyUse",
    "Keyword",
    "LegalHold",
    "Notice",
    "Purpose",
    "ReachTally",
    "RetentionRule",
    "ReviewItem",
    "Revocation",
    "Seal",
    "SealKey",
    "Sender",
    "StaffAction",
    "Standing",
    "TallyMark",
    "Verification",
    "VisitorUse",
]
