import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import consents.models.base
import consents.models.keys
import consents.vocabulary


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE consents_consentevent_seq", "DROP SEQUENCE consents_consentevent_seq"
        ),
        migrations.CreateModel(
            name="ChannelIdentity",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("WHATSAPP", "WHATSAPP"),
                            ("SMS", "SMS"),
                            ("RCS", "RCS"),
                            ("MMS", "MMS"),
                            ("VIBER", "VIBER"),
                            ("MESSENGER", "MESSENGER"),
                            ("INSTAGRAM", "INSTAGRAM"),
                            ("TELEGRAM", "TELEGRAM"),
                            ("LINE", "LINE"),
                            ("WECHAT", "WECHAT"),
                            ("KAKAOTALK", "KAKAOTALK"),
                            ("APPLEBC", "APPLEBC"),
                            ("EMAIL", "EMAIL"),
                        ],
                        max_length=16,
                    ),
                ),
                ("address", models.CharField(editable=False, max_length=320, null=True)),
                ("lookup_key", models.CharField(editable=False, max_length=320, null=True)),
                ("digest", models.BinaryField(max_length=32)),
                ("warnings", models.JSONField(blank=True, default=list, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name_plural": "channel identities",
            },
        ),
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "seq",
                    models.BigIntegerField(
                        db_default=models.Func(
                            models.Value("consents_consentevent_seq"),
                            function="nextval",
                            output_field=models.BigIntegerField(),
                        ),
                        editable=False,
                        unique=True,
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("opt_in", "opt in"),
                            ("opt_out", "opt out"),
                            ("window_opened", "window opened"),
                            ("window_closed", "window closed"),
                            ("held", "held"),
                            ("released", "released"),
                            ("voided", "voided"),
                            ("erased", "erased"),
                            ("identity_moved", "identity moved"),
                        ],
                        max_length=20,
                    ),
                ),
                ("source", models.CharField(blank=True, max_length=25)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("api", "api"),
                            ("admin", "admin"),
                            ("import", "import"),
                            ("dropin", "dropin"),
                            ("provider", "provider"),
                            ("keyword", "keyword"),
                            ("preference_page", "preference page"),
                            ("system", "system"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "actor",
                    models.CharField(
                        blank=True,
                        help_text="Which key, member of staff or account wrote it.",
                        max_length=100,
                    ),
                ),
                (
                    "lifts",
                    models.CharField(
                        choices=[("nothing", "nothing"), ("dropin", "dropin"), ("any", "any")],
                        default="nothing",
                        max_length=8,
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("effective", models.BooleanField()),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("changed", "changed"),
                            ("no_change", "no change"),
                            ("out_of_order", "out of order"),
                            ("would_resurrect", "would resurrect"),
                        ],
                        max_length=16,
                    ),
                ),
                ("address_commitment", models.BinaryField(max_length=32)),
                ("detail_commitment", models.BinaryField(max_length=32)),
                (
                    "cause",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="consequences",
                        to="consents.consentevent",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="consents.channelidentity",
                    ),
                ),
            ],
            options={
                "ordering": ["-seq"],
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "external_id",
                    models.CharField(
                        blank=True,
                        help_text="The CRM's id for this person.",
                        max_length=200,
                        null=True,
                    ),
                ),
                ("display_name", models.CharField(blank=True, max_length=200)),
                (
                    "language",
                    models.CharField(
                        blank=True,
                        help_text="BCP 47, for example sv or pt-BR.",
                        max_length=35,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", "A BCP 47 tag."
                            )
                        ],
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="Confirmation",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="confirmation",
                        serialize=False,
                        to="consents.consentevent",
                    ),
                ),
                ("claimed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="EventDetail",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="detail",
                        serialize=False,
                        to="consents.consentevent",
                    ),
                ),
                ("ip", models.GenericIPAddressField(blank=True, null=True)),
                ("user_agent", models.TextField(blank=True)),
                ("evidence", models.JSONField(blank=True, default=dict)),
                ("note", models.TextField(blank=True)),
                ("salt", models.BinaryField(max_length=16, null=True)),
                ("address_salt", models.BinaryField(max_length=16, null=True)),
                ("erased_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name="channelidentity",
            name="contact",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="identities",
                to="consents.contact",
            ),
        ),
        migrations.CreateModel(
            name="Keyword",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("word", models.CharField(max_length=100)),
                ("language", models.CharField(blank=True, max_length=35)),
                (
                    "action",
                    models.CharField(choices=[("stop", "stop"), ("start", "start")], max_length=8),
                ),
                (
                    "watch",
                    models.BooleanField(
                        default=False,
                        help_text="Inside a longer message it asks for a person to have a look.",
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ["action", "language", "word"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("word", "language", "action"), name="keyword_word_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("action__in", ["stop", "start"])),
                        name="keyword_action_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Purpose",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("key", models.SlugField(max_length=64, unique=True)),
                ("name", models.CharField(max_length=200)),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("service", "service"),
                            ("utility", "utility"),
                            ("authentication", "authentication"),
                            ("marketing", "marketing"),
                        ],
                        editable=False,
                        help_text="The category it is, or belongs to; none for the root.",
                        max_length=16,
                        null=True,
                    ),
                ),
                (
                    "allowed_in_window",
                    models.BooleanField(
                        default=False,
                        help_text="May be sent to somebody without consent while their customer window is open.",
                    ),
                ),
                (
                    "requires_own_consent",
                    models.BooleanField(
                        default=False,
                        help_text="Only an opt-in to this very purpose allows it; a broader one does not.",
                    ),
                ),
                (
                    "unsettled_since",
                    models.DateTimeField(
                        editable=False,
                        help_text="When its rules changed, until everybody's standing has been looked at again.",
                        null=True,
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="consents.purpose",
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
            },
        ),
        migrations.AddField(
            model_name="consentevent",
            name="purpose",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consents.purpose"
            ),
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("opted_in", "opted in"), ("opted_out", "opted out")],
                        max_length=10,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("opted_in_at", models.DateTimeField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                ("dropin_lifted_at", models.DateTimeField(null=True)),
                ("opted_out_at", models.DateTimeField(null=True)),
                ("dropin_opted_out_at", models.DateTimeField(null=True)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.consentevent",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="consents",
                        to="consents.channelidentity",
                    ),
                ),
                (
                    "purpose",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.purpose",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Sender",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "key",
                    models.SlugField(help_text="How programs name it.", max_length=64, unique=True),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "stop_scope",
                    models.CharField(
                        choices=[("channel", "channel"), ("contact", "contact")],
                        default="channel",
                        help_text="Whether a person's own opt-out counts for all their identities on that channel, or on every channel.",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["key"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("stop_scope__in", ["channel", "contact"])),
                        name="sender_stop_scope_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReviewItem",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("kind", models.CharField(max_length=32)),
                ("subject_kind", models.CharField(blank=True, max_length=32)),
                ("subject_id", models.CharField(blank=True, max_length=64)),
                ("subject_url", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", models.CharField(blank=True, max_length=100)),
                ("decision", models.CharField(blank=True, max_length=32)),
                ("note", models.TextField(blank=True)),
                (
                    "identity",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reviews",
                        to="consents.channelidentity",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "sender",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.sender",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="InboundMessage",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("WHATSAPP", "WHATSAPP"),
                            ("SMS", "SMS"),
                            ("RCS", "RCS"),
                            ("MMS", "MMS"),
                            ("VIBER", "VIBER"),
                            ("MESSENGER", "MESSENGER"),
                            ("INSTAGRAM", "INSTAGRAM"),
                            ("TELEGRAM", "TELEGRAM"),
                            ("LINE", "LINE"),
                            ("WECHAT", "WECHAT"),
                            ("KAKAOTALK", "KAKAOTALK"),
                            ("APPLEBC", "APPLEBC"),
                            ("EMAIL", "EMAIL"),
                        ],
                        max_length=16,
                    ),
                ),
                ("message_id", models.CharField(max_length=200)),
                ("received_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("counts_for_window", models.BooleanField(default=True)),
                (
                    "identity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="inbound_messages",
                        to="consents.channelidentity",
                    ),
                ),
                (
                    "sender",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.sender",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="contact",
            name="sender",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contacts",
                to="consents.sender",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="sender",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consents.sender"
            ),
        ),
        migrations.AddField(
            model_name="channelidentity",
            name="sender",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="identities",
                to="consents.sender",
            ),
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("prefix", models.CharField(editable=False, max_length=24, unique=True)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("record", "record"),
                                ("check", "check"),
                                ("read", "read"),
                                ("manage", "manage"),
                            ],
                            max_length=8,
                        ),
                        size=None,
                        validators=[consents.models.keys._check_scopes],
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("senders", models.ManyToManyField(related_name="api_keys", to="consents.sender")),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Standing",
            fields=[
                (
                    "identity",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="standing",
                        serialize=False,
                        to="consents.channelidentity",
                    ),
                ),
                ("last_inbound_at", models.DateTimeField(null=True)),
                ("window_noted", models.BooleanField(default=False)),
                ("held_at", models.DateTimeField(null=True)),
                ("may_write", models.BooleanField(null=True)),
                ("last_recorded_at", models.DateTimeField(null=True)),
                (
                    "held_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.consentevent",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("method", models.CharField(max_length=8)),
                ("path", models.CharField(max_length=200)),
                ("key", models.CharField(max_length=200)),
                ("body_sha256", models.BinaryField(max_length=32)),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("result", models.JSONField(default=dict, help_text="Ids and codes, no bodies.")),
                ("created_at", models.DateTimeField(auto_now_add=True, db_index=True)),
                (
                    "api_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="consents.apikey",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("api_key", "method", "path", "key"), name="idempotency_key_once"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="purpose",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("category__isnull", True), ("key", "all"), ("parent__isnull", True)),
                    models.Q(models.Q(("key", "all"), _negated=True), ("parent__isnull", False)),
                    _connector="OR",
                ),
                name="purpose_root_has_no_parent",
            ),
        ),
        migrations.AddConstraint(
            model_name="purpose",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("category__isnull", True),
                    ("category__in", ["service", "utility", "authentication", "marketing"]),
                    _connector="OR",
                ),
                name="purpose_category_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.UniqueConstraint(
                fields=("identity", "purpose"), name="consent_one_state"
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["opted_in", "opted_out"])),
                name="consent_state_known",
            ),
        ),
        migrations.AddIndex(
            model_name="reviewitem",
            index=models.Index(
                condition=models.Q(("decided_at__isnull", True)),
                fields=["due_at"],
                name="review_item_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("subject_id", ""), _negated=True),
                fields=("kind", "subject_kind", "subject_id"),
                name="review_item_once",
            ),
        ),
        migrations.AddIndex(
            model_name="inboundmessage",
            index=models.Index(fields=["identity", "received_at"], name="inbound_by_identity"),
        ),
        migrations.AddConstraint(
            model_name="inboundmessage",
            constraint=models.UniqueConstraint(
                fields=("sender", "channel", "message_id"), name="inbound_message_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="inboundmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "channel__in",
                        [
                            "WHATSAPP",
                            "SMS",
                            "RCS",
                            "MMS",
                            "VIBER",
                            "MESSENGER",
                            "INSTAGRAM",
                            "TELEGRAM",
                            "LINE",
                            "WECHAT",
                            "KAKAOTALK",
                            "APPLEBC",
                            "EMAIL",
                        ],
                    )
                ),
                name="inboundmessage_channel_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="contact",
            constraint=models.UniqueConstraint(
                fields=("sender", "external_id"), name="contact_external_id_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="contact",
            constraint=models.CheckConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                name="contact_external_id_not_empty",
            ),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["identity", "seq"], name="event_by_identity"),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["sender", "seq"], name="event_by_sender"),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "action__in",
                        [
                            "opt_in",
                            "opt_out",
                            "window_opened",
                            "window_closed",
                            "held",
                            "released",
                            "voided",
                            "erased",
                            "identity_moved",
                        ],
                    )
                ),
                name="consentevent_action_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "origin__in",
                        [
                            "api",
                            "admin",
                            "import",
                            "dropin",
                            "provider",
                            "keyword",
                            "preference_page",
                            "system",
                        ],
                    )
                ),
                name="consentevent_origin_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("lifts__in", ["nothing", "dropin", "any"])),
                name="consentevent_lifts_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        (
                            "action__in",
                            [
                                consents.vocabulary.Action["OPT_IN"],
                                consents.vocabulary.Action["OPT_OUT"],
                            ],
                        ),
                        _negated=True,
                    ),
                    models.Q(("source", ""), _negated=True),
                    _connector="OR",
                ),
                name="consentevent_consent_has_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("lifts", "nothing"), ("action", "opt_in"), _connector="OR"),
                name="consentevent_only_opt_in_lifts",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("occurred_at__lte", models.F("recorded_at"))),
                name="consentevent_not_before_it_occurred",
            ),
        ),
        migrations.AddIndex(
            model_name="channelidentity",
            index=models.Index(fields=["lookup_key"], name="identity_by_lookup_key"),
        ),
        migrations.AddConstraint(
            model_name="channelidentity",
            constraint=models.UniqueConstraint(
                fields=("sender", "channel", "lookup_key"), name="identity_lookup_key_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="channelidentity",
            constraint=models.UniqueConstraint(
                fields=("sender", "channel", "digest"), name="identity_digest_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="channelidentity",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("address__isnull", True), ("lookup_key__isnull", True)),
                    models.Q(("address__isnull", False), ("lookup_key__isnull", False)),
                    _connector="OR",
                ),
                name="identity_address_with_lookup_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelidentity",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "channel__in",
                        [
                            "WHATSAPP",
                            "SMS",
                            "RCS",
                            "MMS",
                            "VIBER",
                            "MESSENGER",
                            "INSTAGRAM",
                            "TELEGRAM",
                            "LINE",
                            "WECHAT",
                            "KAKAOTALK",
                            "APPLEBC",
                            "EMAIL",
                        ],
                    )
                ),
                name="channelidentity_channel_known",
            ),
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(
                condition=models.Q(("window_noted", True)),
                fields=["last_inbound_at"],
                name="standing_window_noted",
            ),
        ),
    ]
