"""What receipts say of whoever asks for consent, and of what it is for."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consents", "0010_seals"),
    ]

    operations = [
        migrations.AddField(
            model_name="purpose",
            name="description",
            field=models.CharField(
                blank=True,
                help_text="What people are told that the messages are for.",
                max_length=500,
            ),
        ),
        migrations.AddField(
            model_name="purpose",
            name="retention",
            field=models.CharField(
                blank=True,
                help_text="How long what is kept for it is kept, for example: 3 years after withdrawal.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="contact_details",
            field=models.CharField(
                blank=True,
                help_text="How people reach whoever answers for their data: an e-mail address, a number.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="jurisdiction",
            field=models.CharField(
                blank=True, help_text="Whose law applies, for example SE.", max_length=100
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="legal_name",
            field=models.CharField(
                blank=True,
                help_text="Who answers for people's data, as registered; else the name.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="postal_address",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="sender",
            name="privacy_notice",
            field=models.CharField(
                blank=True,
                help_text="The address of the page where it is.",
                max_length=500,
                validators=[django.core.validators.URLValidator(["https", "http"])],
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="privacy_rights",
            field=models.CharField(
                blank=True,
                help_text="Which rights people have, and how they use them.",
                max_length=500,
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="recipients",
            field=models.CharField(
                blank=True,
                help_text="Who else gets their data, with commas in between.",
                max_length=500,
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="storage_locations",
            field=models.CharField(
                blank=True, help_text="Where their data is kept, for example EU.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="withdrawal_method",
            field=models.CharField(
                blank=True,
                help_text="How people take their consent back, for example: reply STOP.",
                max_length=500,
            ),
        ),
    ]
