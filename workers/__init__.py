"""What happens later: telling, expiring, tidying up."""
