namespace Whimbrel.Hosting.Tests;

public class ListenEndpointTests
{
    [Theory]
    [InlineData("mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1883", "127.0.0.1:1883")]
    [InlineData("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883", "127.0.0.1:1883")]
    [InlineData("MQTT://127.0.0.1:0", "mqtt://127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("tcp://0.0.0.0:1884/", "mqtt://0.0.0.0:1884", "0.0.0.0:1884")]
    [InlineData("mqtt://[::1]:1883", "mqtt://[::1]:1883", "[::1]:1883")]
    [InlineData("mqtt://[::]", "mqtt://[::]:1883", "[::]:1883")]
    [InlineData("mqtt://*:1885", "mqtt://*:1885", "[::]:1885 0.0.0.0:1885")]
    [InlineData("mqtt://localhost:1886", "mqtt://localhost:1886", "127.0.0.1:1886 [::1]:1886")]
    [InlineData("unix:///run/whimbrel.sock", "unix:///run/whimbrel.sock", "/run/whimbrel.sock")]
    [InlineData("mqtt://127.0.0.1?ack=memory", "mqtt://127.0.0.1:1883?ack=memory", "127.0.0.1:1883")]
    [InlineData("unix:///run/whimbrel.sock?ACK=FSYNC", "unix:///run/whimbrel.sock", "/run/whimbrel.sock")]
    public void Endpoints_are_read_as_people_write_them(string text, string uri, string alternatives)
    {
        var endpoint = ListenEndpoint.Parse(text);
        Assert.Equal(uri, endpoint.Uri);
        Assert.Equal(alternatives, string.Join(' ', endpoint.Alternatives));
    }

    [Theory]
    [InlineData("", "no scheme")]
    [InlineData("127.0.0.1:1883", "no scheme")]
    [InlineData("mqtts://127.0.0.1:8883", "mqtts is not available yet")]
    [InlineData("ws://127.0.0.1:8080", "ws is not available yet")]
    [InlineData("wss://127.0.0.1:8080", "wss is not available yet")]
    [InlineData("http://127.0.0.1", "unknown scheme 'http'")]
    [InlineData("mqtt://", "names no host")]
    [InlineData("mqtt://:1883", "names no host")]
    [InlineData("mqtt://127.0.0.1:port", "port 'port'")]
    [InlineData("mqtt://127.0.0.1:", "port ''")]
    [InlineData("mqtt://127.0.0.1:65536", "port '65536'")]
    [InlineData("mqtt://127.0.0.1:-1", "port '-1'")]
    [InlineData("mqtt://::1:1883", "in brackets")]
    [InlineData("mqtt://[::1", "no ']'")]
    [InlineData("mqtt://[::1]1883", "is not a port")]
    [InlineData("mqtt://[127.0.0.1]:1883", "not an IP address")]
    [InlineData("mqtt://example.org:1883", "not an IP address")]
    [InlineData("mqtt://1883", "not an IP address")]
    [InlineData("mqtt://me@127.0.0.1:1883", "takes no user name")]
    [InlineData("mqtt://127.0.0.1:1883/mqtt", "'/mqtt' does not belong there")]
    [InlineData("unix://relative.sock", "must be absolute")]
    [InlineData("unix:///", "must be absolute")]
    [InlineData("unix:///run/", "names a directory")]
    [InlineData("mqtt://127.0.0.1:1883?ack=never", "?ack=fsync and ?ack=memory are")]
    [InlineData("mqtt://127.0.0.1:1883?", "'?' is not an option")]
    public void What_is_wrong_is_said(string text, string said)
    {
        var e = Assert.Throws<FormatException>(() => ListenEndpoint.Parse(text));
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
        Assert.StartsWith($"'{text}'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_socket_path_that_the_kernel_cannot_hold_is_refused()
    {
        ListenEndpoint.Parse("unix:///" + new string('x', 106));
        var e = Assert.Throws<FormatException>(() => ListenEndpoint.Parse("unix:///" + new string('x', 107)));
        Assert.Contains("107 bytes", e.Message, StringComparison.Ordinal);
    }
}
