"""${message}

Revision ${up_revision}, after ${down_revision | comma,n}.

Before it runs on a live database: no rewrite and no long lock on a large table (add
columns without a default that must be computed, make indexes CONCURRENTLY, validate
constraints in a second step). It waits for a lock five seconds at most.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
