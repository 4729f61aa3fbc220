from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    name = "providers"
    verbose_name = "Providers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from providers import holders, receivers, sweeps

        receivers.connect()
        holders.connect()
        sweeps.connect()
