"""How long an answer is waited for over a network, unless an option says otherwise."""

DEADLINE_SECONDS = 30.0
