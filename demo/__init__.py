"""A shop to try: embedded servers, stores, shoppers. Nothing here is the product."""
