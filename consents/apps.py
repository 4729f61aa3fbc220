from django.apps import AppConfig


class ConsentsConfig(AppConfig):
    name = "consents"
    verbose_name = "Consent"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from consents import file_holder, record_holder, retention

        record_holder.connect()
        file_holder.connect()
        retention.connect()
