"""What tests share: drawn streams, captions, real daemons, browsers, brokers and terminals."""
