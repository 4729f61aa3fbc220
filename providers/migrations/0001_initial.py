import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

import consents.encryption
import consents.models.base


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("consents", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE providers_providersync_seq", "DROP SEQUENCE providers_providersync_seq"
        ),
        migrations.RunSQL(
            "CREATE SEQUENCE providers_providercallback_seq",
            "DROP SEQUENCE providers_providercallback_seq",
        ),
        migrations.RunSQL(
            "CREATE SEQUENCE providers_webhookdelivery_seq",
            "DROP SEQUENCE providers_webhookdelivery_seq",
        ),
        migrations.CreateModel(
            name="ProviderAccount",
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
                ("name", models.CharField(max_length=200)),
                ("base_url", models.URLField(max_length=300)),
                (
                    "external_id",
                    models.CharField(
                        blank=True,
                        help_text="The bot id or app id, where the provider has one.",
                        max_length=200,
                    ),
                ),
                ("settings", models.JSONField(blank=True, default=dict)),
                ("credentials", consents.encryption.EncryptedJSONField(default=dict)),
                ("is_enabled", models.BooleanField(default=True)),
                (
                    "is_held",
                    models.BooleanField(
                        default=False, help_text="Paused by staff: rows wait until it is released."
                    ),
                ),
                (
                    "catch_up",
                    models.CharField(
                        blank=True,
                        choices=[("opt_in", "opt in"), ("opt_out", "opt out")],
                        editable=False,
                        help_text="Which known states it is being told: opt-outs first, then opt-ins.",
                        max_length=8,
                    ),
                ),
                ("catch_up_after", models.UUIDField(editable=False, null=True)),
                ("catch_up_is_baseline", models.BooleanField(default=False, editable=False)),
                ("paused_until", models.DateTimeField(editable=False, null=True)),
                ("paused_since", models.DateTimeField(editable=False, null=True)),
                ("pauses", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "fault",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("credentials", "credentials"),
                            ("rate_limited", "rate limited"),
                            ("unavailable", "unavailable"),
                            ("timeout", "timeout"),
                            ("refusing", "refusing"),
                        ],
                        editable=False,
                        max_length=16,
                    ),
                ),
                ("fault_code", models.CharField(blank=True, editable=False, max_length=64)),
                ("fault_text", models.CharField(blank=True, editable=False, max_length=500)),
                ("refusals", models.PositiveIntegerField(default=0, editable=False)),
                ("refusal_code", models.CharField(blank=True, editable=False, max_length=64)),
                ("last_success_at", models.DateTimeField(editable=False, null=True)),
                (
                    "withdrawn_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="Since when the provider no longer takes registrations.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "sender",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="consents.sender",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Drift",
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
                ("list_type", models.CharField(max_length=32)),
                ("listed", models.BooleanField()),
                ("answer", models.JSONField(default=dict)),
                ("found_at", models.DateTimeField()),
                (
                    "identity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drifts",
                        to="consents.channelidentity",
                    ),
                ),
                (
                    "review",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drift",
                        to="consents.reviewitem",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drifts",
                        to="providers.provideraccount",
                    ),
                ),
            ],
            options={
                "ordering": ["-found_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ProviderCallback",
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
                            models.Value("providers_providercallback_seq"),
                            function="nextval",
                            output_field=models.BigIntegerField(),
                        ),
                        editable=False,
                        unique=True,
                    ),
                ),
                ("received_at", models.DateTimeField()),
                ("headers", models.JSONField(default=dict)),
                ("body", models.BinaryField()),
                ("digest", models.BinaryField(max_length=32)),
                ("nonce", models.CharField(blank=True, max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("stored", "stored"),
                            ("applied", "applied"),
                            ("ignored", "ignored"),
                            ("unreadable", "unreadable"),
                            ("failed", "failed"),
                        ],
                        default="stored",
                        max_length=12,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        help_text="What it came to, without personal data.",
                        max_length=500,
                    ),
                ),
                (
                    "identities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="callbacks",
                        to="providers.provideraccount",
                    ),
                ),
            ],
            options={
                "ordering": ["-seq"],
            },
        ),
        migrations.CreateModel(
            name="ProviderSync",
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
                            models.Value("providers_providersync_seq"),
                            function="nextval",
                            output_field=models.BigIntegerField(),
                        ),
                        editable=False,
                        unique=True,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("opt_in", "opt in"), ("opt_out", "opt out")], max_length=8
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("sending", "sending"),
                            ("awaiting_result", "awaiting result"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("superseded", "superseded"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("rejected", "rejected"),
                            ("unsupported", "unsupported"),
                            ("withdrawn", "withdrawn"),
                            ("no_result", "no result"),
                            ("gave_up", "gave up"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "code",
                    models.CharField(blank=True, help_text="The provider's own.", max_length=64),
                ),
                (
                    "text",
                    models.CharField(blank=True, help_text="The provider's own.", max_length=500),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("lease", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("batch_max", models.PositiveSmallIntegerField(null=True)),
                ("suspect_since", models.DateTimeField(null=True)),
                ("is_uncertain", models.BooleanField(default=False)),
                ("is_resend", models.BooleanField(default=False)),
                ("seen_at", models.DateTimeField(null=True)),
                ("heard_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="syncs",
                        to="providers.provideraccount",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.consentevent",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="syncs",
                        to="consents.channelidentity",
                    ),
                ),
            ],
            options={
                "ordering": ["-seq"],
            },
        ),
        migrations.CreateModel(
            name="Registration",
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
                    "kind",
                    models.CharField(
                        choices=[("opt_in", "opt in"), ("opt_out", "opt out")], max_length=8
                    ),
                ),
                ("channel", models.CharField(max_length=16)),
                ("request_id", models.CharField(blank=True, max_length=200)),
                ("contact_ref", models.CharField(blank=True, max_length=200)),
                ("refusal", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.provideraccount",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.consentevent",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="registrations",
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
        migrations.CreateModel(
            name="SyncAttempt",
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
                ("call", models.UUIDField()),
                ("started_at", models.DateTimeField()),
                ("elapsed_ms", models.PositiveIntegerField()),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("succeeded", "succeeded"),
                            ("accepted", "accepted"),
                            ("rejected", "rejected"),
                            ("refused", "refused"),
                            ("retry", "retry"),
                            ("unsupported", "unsupported"),
                            ("withdrawn", "withdrawn"),
                            ("not_sent", "not sent"),
                            ("unknown", "unknown"),
                        ],
                        max_length=16,
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=64)),
                ("text", models.CharField(blank=True, max_length=500)),
                ("trace", models.JSONField(default=list)),
                (
                    "sync",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts_made",
                        to="providers.providersync",
                    ),
                ),
            ],
            options={
                "ordering": ["-started_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
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
                ("url", models.URLField(max_length=742)),
                (
                    "triggers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("CONSENT_CHANGED", "CONSENT CHANGED"),
                                ("OPT_IN", "OPT IN"),
                                ("OPT_OUT", "OPT OUT"),
                                ("WINDOW_OPENED", "WINDOW OPENED"),
                                ("WINDOW_CLOSED", "WINDOW CLOSED"),
                                ("SYNC_FAILED", "SYNC FAILED"),
                            ],
                            max_length=20,
                        ),
                        size=None,
                    ),
                ),
                (
                    "signature",
                    models.CharField(
                        choices=[("standard", "standard"), ("sinch", "sinch")],
                        default="standard",
                        max_length=10,
                    ),
                ),
                ("secret", consents.encryption.EncryptedJSONField()),
                ("is_active", models.BooleanField(default=True)),
                ("paused_at", models.DateTimeField(editable=False, null=True)),
                ("pause_reason", models.CharField(blank=True, editable=False, max_length=200)),
                ("failing_since", models.DateTimeField(editable=False, null=True)),
                ("failures", models.PositiveIntegerField(default=0, editable=False)),
                ("wait_until", models.DateTimeField(editable=False, null=True)),
                ("last_success_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "sender",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_endpoints",
                        to="consents.sender",
                    ),
                ),
            ],
            options={
                "ordering": ["url"],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
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
                            models.Value("providers_webhookdelivery_seq"),
                            function="nextval",
                            output_field=models.BigIntegerField(),
                        ),
                        editable=False,
                        unique=True,
                    ),
                ),
                (
                    "trigger",
                    models.CharField(
                        choices=[
                            ("CONSENT_CHANGED", "CONSENT CHANGED"),
                            ("OPT_IN", "OPT IN"),
                            ("OPT_OUT", "OPT OUT"),
                            ("WINDOW_OPENED", "WINDOW OPENED"),
                            ("WINDOW_CLOSED", "WINDOW CLOSED"),
                            ("SYNC_FAILED", "SYNC FAILED"),
                            ("TEST", "TEST"),
                        ],
                        max_length=20,
                    ),
                ),
                ("body", models.JSONField()),
                ("request_id", models.CharField(blank=True, max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("sending", "sending"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField()),
                ("lease", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                (
                    "text",
                    models.CharField(
                        blank=True, help_text="What came back, shortened.", max_length=500
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "event",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.consentevent",
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_deliveries",
                        to="consents.channelidentity",
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="providers.webhookendpoint",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-seq"],
            },
        ),
        migrations.AddConstraint(
            model_name="provideraccount",
            constraint=models.UniqueConstraint(
                fields=("sender", "name"), name="account_name_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="provideraccount",
            constraint=models.UniqueConstraint(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=("kind", "external_id"),
                name="account_external_id_unique",
            ),
        ),
        migrations.AddIndex(
            model_name="providercallback",
            index=models.Index(
                condition=models.Q(("status", "stored")),
                fields=["due_at", "seq"],
                name="callback_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="providercallback",
            index=models.Index(
                condition=models.Q(("nonce", ""), _negated=True),
                fields=["account", "nonce"],
                name="callback_by_nonce",
            ),
        ),
        migrations.AddIndex(
            model_name="providercallback",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["identities"], name="callback_by_identity"
            ),
        ),
        migrations.AddConstraint(
            model_name="providercallback",
            constraint=models.UniqueConstraint(fields=("account", "digest"), name="callback_once"),
        ),
        migrations.AddConstraint(
            model_name="providercallback",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["stored", "applied", "ignored", "unreadable", "failed"])
                ),
                name="providercallback_status_known",
            ),
        ),
        migrations.AddIndex(
            model_name="providersync",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["account", "kind", "due_at"],
                name="sync_due",
            ),
        ),
        migrations.AddIndex(
            model_name="providersync",
            index=models.Index(
                condition=models.Q(("status", "sending")),
                fields=["account", "lease_until"],
                name="sync_in_flight",
            ),
        ),
        migrations.AddIndex(
            model_name="providersync",
            index=models.Index(
                condition=models.Q(("status", "awaiting_result")),
                fields=["sent_at"],
                name="sync_awaiting",
            ),
        ),
        migrations.AddIndex(
            model_name="providersync",
            index=models.Index(
                condition=models.Q(("status", "failed")),
                fields=["account", "reason"],
                name="sync_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="providersync",
            index=models.Index(fields=["identity", "account", "seq"], name="sync_by_pair"),
        ),
        migrations.AddConstraint(
            model_name="providersync",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "pending")),
                fields=("account", "identity"),
                name="sync_one_waits",
            ),
        ),
        migrations.AddConstraint(
            model_name="providersync",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "sending")),
                fields=("account", "identity"),
                name="sync_one_flies",
            ),
        ),
        migrations.AddConstraint(
            model_name="providersync",
            constraint=models.CheckConstraint(
                condition=models.Q(("status", "failed"), ("reason", ""), _connector="XOR"),
                name="sync_failed_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="providersync",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "sending"), _negated=True),
                    models.Q(("lease__isnull", False), ("lease_until__isnull", False)),
                    _connector="OR",
                ),
                name="sync_sending_has_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="providersync",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["opt_in", "opt_out"])),
                name="providersync_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="providersync",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "pending",
                            "sending",
                            "awaiting_result",
                            "succeeded",
                            "failed",
                            "superseded",
                        ],
                    )
                ),
                name="providersync_status_known",
            ),
        ),
        migrations.AddIndex(
            model_name="registration",
            index=models.Index(
                condition=models.Q(("told_at", None)),
                fields=["created_at"],
                name="registration_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="registration",
            index=models.Index(fields=["identity"], name="registration_by_identity"),
        ),
        migrations.AddConstraint(
            model_name="registration",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["opt_in", "opt_out"])),
                name="registration_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("signature__in", ["standard", "sinch"])),
                name="webhookendpoint_signature_known",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["endpoint", "due_at"],
                name="delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status__in", ["pending", "sending"])),
                fields=["endpoint", "identity", "seq"],
                name="delivery_open",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "sending")),
                fields=["endpoint", "lease_until"],
                name="delivery_in_flight",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["identity"], name="delivery_by_identity"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["ended_at"], name="delivery_ended"),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "trigger__in",
                        [
                            "CONSENT_CHANGED",
                            "OPT_IN",
                            "OPT_OUT",
                            "WINDOW_OPENED",
                            "WINDOW_CLOSED",
                            "SYNC_FAILED",
                            "TEST",
                        ],
                    )
                ),
                name="webhookdelivery_trigger_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "sending", "succeeded", "failed"])),
                name="webhookdelivery_status_known",
            ),
        ),
    ]
