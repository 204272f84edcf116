"""Who is asking, as what tenant, and what they may do. Routes ask here; nothing here knows a route."""
