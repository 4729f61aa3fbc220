"""A language tag ends where the text ends, not before a line break."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consents", "0006_key_rates"),
    ]

    operations = [
        migrations.AlterField(
            model_name="contact",
            name="language",
            field=models.CharField(
                blank=True,
                help_text="BCP 47, for example sv or pt-BR.",
                max_length=35,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*\\Z", "A BCP 47 tag."
                    )
                ],
            ),
        ),
    ]
