"""Every bound of the Server in one place, with its reason; each is a key of the configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one Server grants and holds; sizes in bytes, times in seconds, 0 as each line says."""

    maximum_connections: int = 0
    """Network Connections of all Listeners together; those beyond are closed at once. 0: as many as there
    are file descriptors, but 128 for everything else."""
    maximum_unauthenticated: int = 1_000
    """Network Connections without CONNACK yet; accepting waits while there are so many. Who is inside is
    served before strangers are. 0: no bound."""
    maximum_packet_size: int = 16 * 1024 * 1024
    """The largest Control Packet taken from a connected Client: people send pictures."""
    maximum_connect_size: int = 64 * 1024
    """The largest CONNECT: it arrives before anyone is known."""
    connect_timeout: float = 10.0
    """From accepting a Network Connection to its CONNACK; slow strangers hold a socket no longer."""
    proxy_timeout: float = 3.0
    """What a proxy has of that for its PROXY header: it knows the Client before it connects to us."""
    authentication_timeout: float = 5.0
    """How long an Authenticator may take to answer; silence is a no."""
    maximum_keep_alive: int = 0
    """The longest Keep Alive: an MQTT 5.0 Client is told to keep to it (Server Keep Alive), others that ask
    for more, or for none, are refused. 0: whatever they ask."""
    maximum_client_id_length: int = 1024
    """In UTF-8 bytes; the standard asks for 23 at least."""
    maximum_topic_levels: int = 200
    """Levels of a Topic Name or Topic Filter: what matching one topic may cost."""
    maximum_topic_length: int = 65_535
    """A Topic Name or Topic Filter in UTF-8 bytes; the standard's own bound."""
    maximum_qos: int = 2
    """The highest QoS granted and accepted."""
    retain_available: bool = True
    """Whether messages are retained."""
    wildcard_subscription_available: bool = True
    """Whether a Topic Filter may have wildcards."""
    shared_subscription_available: bool = True
    """Whether `$share/name/filter` may be subscribed to."""
    subscription_identifier_available: bool = True
    """Whether a SUBSCRIBE may have a Subscription Identifier."""
    receive_maximum: int = 256
    """QoS 1 and 2 PUBLISH packets that a Client may have unacknowledged."""
    maximum_inflight: int = 256
    """QoS 1 and 2 PUBLISH packets sent to a Client and not yet acknowledged, whatever it allows."""
    maximum_inflight_bytes: int = 16 * 1024 * 1024
    """Payloads of those in bytes: a Client that reads and never acknowledges must not fill the memory."""
    topic_alias_maximum: int = 16
    """Topic Aliases that a Client may set, and that we set where it allows them."""
    maximum_queued_messages: int = 10_000
    """QoS 1 and 2 messages waiting for one Session."""
    maximum_queued_bytes: int = 16 * 1024 * 1024
    """The same in bytes: a phone that is off must not fill the memory."""
    maximum_queued_bytes_in_all: int = 0
    """Bytes that wait for all Sessions together, a message that waits for many counting once; 0: a quarter
    of the memory that the broker may use."""
    maximum_unsent_bytes: int = 1024 * 1024
    """Bytes waiting for one Network Connection; beyond, QoS 0 is dropped and QoS 1 and 2 are queued."""
    stall_timeout: float = 15.0
    """How long a Network Connection may accept no bytes while some are waiting."""
    maximum_subscriptions: int = 10_000
    """Subscriptions of one Session."""
    maximum_wildcard_levels: int = 50_000
    """Levels of all Topic Filters with wildcards of one Session: one topic can match all of them, and
    each level is then looked at. 10,000 filters of five levels fit."""
    maximum_topic_filters: int = 1_000
    """Topic Filters of one SUBSCRIBE or UNSUBSCRIBE packet, which is dealt with in one go: everybody
    waits some 15 ms for so many. Home Assistant sends 500 at a time."""
    maximum_shared_members: int = 1_000
    """Members of one shared group: when none is available, each message asks every one of them."""
    maximum_retained_messages: int = 100_000
    """Retained messages of all topics together."""
    maximum_retained_bytes: int = 256 * 1024 * 1024
    """The same in bytes."""
    receivers_at_once: int = 1_000
    """Subscribers that are given one message before others have their turn, if it has lasted long."""
    retained_per_turn: int = 100
    """Retained messages that one Session is sent in one turn: whoever subscribes to very many must not keep
    the others waiting."""
    maximum_sessions: int = 1_000_000
    """Sessions, connected or stored."""
    maximum_session_expiry: int = 0xFFFFFFFF
    """The longest Session Expiry Interval granted; 0xFFFFFFFF: never expires."""
    session_expiry_3_1_1: int = 0xFFFFFFFF
    """The Session Expiry Interval of MQTT 3.1 and 3.1.1 Clients with CleanSession 0."""
    maximum_user_properties: int = 64
    """User Properties of one packet; they cost the most to keep and to forward."""
    maximum_user_property_bytes: int = 16 * 1024
    """The same in bytes: in bulk they serve nobody."""
    maximum_publish_rate: int = 0
    """PUBLISH packets of one Client in a second; those of one second may come at once. What comes beyond
    is read later. 0: as many as it likes."""
    disconnect_above_publish_rate: bool = False
    """Whether an MQTT 5.0 Client that exceeds its rate is disconnected with 0x96, and not slowed down."""
    maximum_connection_rate: int = 0
    """CONNECT packets in a second from one address (IPv6: the first 64 bits); 0: as many as come."""
    maximum_failed_logins: int = 16
    """Failed logins within a minute from one address as one user that have it banned; 0: never."""
    maximum_reconnections: int = 0
    """Connections within a minute of one Client from one address that have it banned; 0: never. A device
    that cannot keep its connection may need 15."""
    ban_time: float = 300.0
    """How long a ban lasts: the one address as the one user, or Client, is refused without a question."""
    lag_to_hold_publishers: float = 0.1
    """How late the event loop may come, three times in a row, before the Clients that send most are read
    from less. 0, here and below: never."""
    lag_to_refuse_clients: float = 0.5
    """The same before newcomers are refused (0x89)."""
    lag_to_drop_qos_0: float = 2.0
    """The same before messages of QoS 0 are dropped."""
    memory_to_refuse_clients: float = 0.9
    """The part of the memory that the broker may use of which newcomers are refused."""
    validate_payload_format: bool = False
    """Whether a payload that says it is UTF-8 (Payload Format Indicator 1) is checked to be."""
