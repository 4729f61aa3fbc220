"""Lets an opt-in wait for the person's own confirmation."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consents", "0023_notices")]

    operations = [
        migrations.AddField(
            model_name="purpose",
            name="confirm_within_hours",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Within how many hours a person has to confirm an opt-in to it that "
                "somebody else hands in (double opt-in). Empty: such an opt-in counts at once.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(8760),
                ],
            ),
        ),
        migrations.AddConstraint(
            model_name="purpose",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirm_within_hours__isnull", True),
                    ("confirm_within_hours__gt", 0),
                    _connector="OR",
                ),
                name="purpose_confirm_within_some_time",
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="action",
            field=models.CharField(
                choices=[
                    ("opt_in", "opt in"),
                    ("opt_in_requested", "opt in requested"),
                    ("opt_out", "opt out"),
                    ("window_opened", "window opened"),
                    ("window_closed", "window closed"),
                    ("held", "held"),
                    ("released", "released"),
                    ("voided", "voided"),
                    ("erased", "erased"),
                    ("identity_moved", "identity moved"),
                    ("expired", "expired"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="origin",
            field=models.CharField(
                choices=[
                    ("api", "api"),
                    ("admin", "admin"),
                    ("import", "import"),
                    ("dropin", "dropin"),
                    ("provider", "provider"),
                    ("keyword", "keyword"),
                    ("preference_page", "preference page"),
                    ("confirm_page", "confirm page"),
                    ("system", "system"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("changed", "changed"),
                    ("no_change", "no change"),
                    ("out_of_order", "out of order"),
                    ("would_resurrect", "would resurrect"),
                    ("unconfirmed", "unconfirmed"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="daytally",
            name="action",
            field=models.CharField(
                choices=[
                    ("opt_in", "opt in"),
                    ("opt_in_requested", "opt in requested"),
                    ("opt_out", "opt out"),
                    ("window_opened", "window opened"),
                    ("window_closed", "window closed"),
                    ("held", "held"),
                    ("released", "released"),
                    ("voided", "voided"),
                    ("erased", "erased"),
                    ("identity_moved", "identity moved"),
                    ("expired", "expired"),
                ],
                max_length=20,
            ),
        ),
        migrations.RemoveConstraint(model_name="consentevent", name="consentevent_action_known"),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "action__in",
                        [
                            "opt_in",
                            "opt_in_requested",
                            "opt_out",
                            "window_opened",
                            "window_closed",
                            "held",
                            "released",
                            "voided",
                            "erased",
                            "identity_moved",
                            "expired",
                        ],
                    )
                ),
                name="consentevent_action_known",
            ),
        ),
        migrations.RemoveConstraint(model_name="consentevent", name="consentevent_origin_known"),
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
                            "confirm_page",
                            "system",
                        ],
                    )
                ),
                name="consentevent_origin_known",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="consentevent", name="consentevent_only_opt_in_lifts"
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("lifts", "nothing"),
                    ("action__in", ["opt_in", "opt_in_requested"]),
                    _connector="OR",
                ),
                name="consentevent_only_opt_in_lifts",
            ),
        ),
        migrations.AlterField(
            model_name="keyword",
            name="action",
            field=models.CharField(
                choices=[("stop", "stop"), ("start", "start"), ("confirm", "confirm")],
                max_length=8,
            ),
        ),
        migrations.RemoveConstraint(model_name="keyword", name="keyword_action_known"),
        migrations.AddConstraint(
            model_name="keyword",
            constraint=models.CheckConstraint(
                condition=models.Q(("action__in", ["stop", "start", "confirm"])),
                name="keyword_action_known",
            ),
        ),
    ]
