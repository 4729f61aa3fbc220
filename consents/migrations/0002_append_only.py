"""What the database itself refuses, whoever asks."""

from django.db import migrations

REFUSE_CHANGES = """
CREATE FUNCTION consents_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The ledger is append-only.' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER consentevent_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON consents_consentevent
    FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change();
"""

ALLOW_CHANGES = """
DROP TRIGGER consentevent_append_only ON consents_consentevent;
DROP FUNCTION consents_refuse_change();
"""

# Evidence can be erased, never rewritten.
ONLY_ERASE_DETAILS = """
CREATE FUNCTION consents_only_erase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.erased_at IS NOT NULL AND NEW.event_id = OLD.event_id
        AND NEW.ip IS NULL AND NEW.user_agent = '' AND NEW.note = '' AND NEW.evidence = '{}'
    THEN RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Evidence can be erased, never rewritten.'
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER eventdetail_only_erased
    BEFORE UPDATE OR DELETE ON consents_eventdetail
    FOR EACH ROW EXECUTE FUNCTION consents_only_erase();
"""

REWRITE_DETAILS = """
DROP TRIGGER eventdetail_only_erased ON consents_eventdetail;
DROP FUNCTION consents_only_erase();
"""

# A transaction that takes its id before its numbers of the sequence is seen by whoever reads the
# sequence and then waits for all older transactions: so no line is missed that commits late.
TAKE_TRANSACTION_ID = """
CREATE FUNCTION consents_take_transaction_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_current_xact_id();
    RETURN NULL;
END $$;

CREATE TRIGGER consentevent_transaction_id
    BEFORE INSERT ON consents_consentevent
    FOR EACH STATEMENT EXECUTE FUNCTION consents_take_transaction_id();
"""

LEAVE_TRANSACTION_ID = """
DROP TRIGGER consentevent_transaction_id ON consents_consentevent;
DROP FUNCTION consents_take_transaction_id();
"""


class Migration(migrations.Migration):
    dependencies = [("consents", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE_CHANGES, ALLOW_CHANGES),
        migrations.RunSQL(ONLY_ERASE_DETAILS, REWRITE_DETAILS),
        migrations.RunSQL(TAKE_TRANSACTION_ID, LEAVE_TRANSACTION_ID),
    ]
