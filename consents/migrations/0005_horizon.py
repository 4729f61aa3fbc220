"""Lets whoever reads the ledger in its order know how far nothing is still to come."""

from django.db import migrations

# The lock names the table and the last number taken before this transaction's first. Shared, so
# that it holds nobody up; until the transaction ends, or goes back to a savepoint before it.
ENTER_FEED = """
CREATE FUNCTION consents_enter_feed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entered text := 'optbook.entered_' || TG_TABLE_NAME;
    last bigint;
BEGIN
    IF coalesce(current_setting(entered, true), '') = '' THEN
        last := coalesce(pg_sequence_last_value((TG_TABLE_NAME || '_seq')::regclass), 0);
        PERFORM pg_advisory_xact_lock_shared(
            TG_RELID::bigint::bit(32)::int, last::bit(32)::int
        );
        PERFORM set_config(entered, 'yes', true);
    END IF;
    RETURN NULL;
END $$;
"""

LEAVE_FEED = "DROP FUNCTION consents_enter_feed()"

# The sequence before the locks: whoever took a number by then had its lock before, so it holds it
# still or has ended. Its lock is let go only after what it committed can be seen. A lock has room
# for the last 32 bits of a number, so what is read is how far it is behind the sequence; or ahead,
# where the transaction has begun since.
HORIZON = """
CREATE FUNCTION consents_horizon(feed regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last bigint := coalesce(pg_sequence_last_value((feed::text || '_seq')::regclass), 0);
    behind int;
BEGIN
    SELECT max((last - objid::bigint)::bit(32)::int) INTO behind
    FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid = feed::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND pid IS DISTINCT FROM pg_backend_pid();
    RETURN last - greatest(behind, 0);
END $$;
"""

NO_HORIZON = "DROP FUNCTION consents_horizon(regclass)"

TRIGGER = """
CREATE TRIGGER enter_feed
    BEFORE INSERT ON consents_consentevent
    FOR EACH STATEMENT EXECUTE FUNCTION consents_enter_feed()
"""

NO_TRIGGER = "DROP TRIGGER enter_feed ON consents_consentevent"


class Migration(migrations.Migration):
    dependencies = [("consents", "0004_fewer_indexes")]

    operations = [
        migrations.RunSQL(ENTER_FEED, LEAVE_FEED),
        migrations.RunSQL(HORIZON, NO_HORIZON),
        migrations.RunSQL(TRIGGER, NO_TRIGGER),
    ]
