"""The count of tries in Redis, for clinics that keep it out of their database."""

from mindbridge_redis.throttle import RedisThrottle

__all__ = ["RedisThrottle"]
