"""Quality: profiles and rules of tables, with a score and its history."""
