"""Identity providers: asking others who somebody is, by OIDC."""
