package main

import (
	"fmt"
	"strings"
	"testing"

	clusterapi "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/simulation"
	"istio.io/istio/pilot/pkg/xds/endpoints"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/config/protocol"
	"istio.io/istio/pkg/test"
)

// judge follows a request from a client's Envoy to a pod of the service.
func judge(t test.Failer, q *Question) Answer {
	r := &request{t: t, q: q, servers: map[string]*Cluster{}, istiods: map[*Cluster]*Istiod{}}
	var from *Cluster
	for name, raw := range q.Clusters {
		c := read(t, name, raw)
		r.clusters = append(r.clusters, c)
		r.servers[q.server(t, name)] = c
		switch name {
		case q.From:
			from = c
		case q.To:
			r.to = c
		}
	}
	caller := from.pod(func(pod *corev1.Pod) bool { return pod.Namespace == q.Client && pod.Labels["app"] == "sleep" })
	if caller == nil || caller.Annotations[injected] == "" {
		return no("the client has no sidecar")
	}
	return r.outbound(from, caller)
}

type request struct {
	t        test.Failer
	q        *Question
	clusters []*Cluster
	servers  map[string]*Cluster // by the address of the API server
	istiods  map[*Cluster]*Istiod
	to       *Cluster
	isHTTP   bool
}

// istiod of a cluster, started when it is needed.
func (r *request) istiod(c *Cluster) *Istiod {
	if r.istiods[c] == nil {
		r.istiods[c] = start(r.t, c, r.servers)
	}
	return r.istiods[c]
}

func (c *Cluster) pod(is func(*corev1.Pod) bool) *corev1.Pod {
	for _, pod := range c.pods {
		if is(pod) {
			return pod
		}
	}
	return nil
}

func (r *request) outbound(from *Cluster, caller *corev1.Pod) Answer {
	near := r.istiod(from)
	client := near.proxy(from, caller, model.SidecarProxy)
	push := near.PushContext()
	name := host.Name(r.q.Service + "." + r.q.Namespace + ".svc.cluster.local")
	service := push.ServiceForHostname(client, name)
	if service == nil {
		return no("the client does not see the service")
	}
	local := false
	for _, own := range from.services {
		local = local || own.Namespace == r.q.Namespace && own.Name == r.q.Service
	}
	if !local && !bool(client.Metadata.DNSCapture) {
		return no("the name does not resolve")
	}
	port := service.Ports[0]
	r.isHTTP = port.Protocol.IsHTTP() || port.Protocol == protocol.Unsupported
	kind := simulation.TCP
	if r.isHTTP {
		kind = simulation.HTTP
	}
	sim := simulation.NewSimulationFromConfigGen(&testing.T{}, near.ConfigGenTest, client)
	result := sim.Run(simulation.Call{
		Address: service.GetAddressForProxy(client), Port: port.Port, Protocol: kind,
		HostHeader: fmt.Sprintf("%s:%d", name, port.Port), CallMode: simulation.CallModeOutbound,
	})
	if result.Error != nil {
		return no("outbound: %v", result.Error)
	}
	if !strings.HasPrefix(result.ClusterMatched, "outbound|") {
		return no("outbound: the request goes to %q", result.ClusterMatched)
	}
	used := clusterOf(sim, result.ClusterMatched)
	if used == nil || used.GetType() != clusterapi.Cluster_EDS {
		return no("outbound: cluster %s has no endpoints of istiod", result.ClusterMatched)
	}
	given := r.endpoints(near, used.Name, client)
	var other *Answer // by the gateway of another cluster of its network
	reason := "there is no endpoint"
	for _, one := range chosen(used, given) {
		owner, answer := r.hop(from, used, one)
		switch {
		case owner == r.to && answer.Reaches:
			return answer
		case owner == r.to:
			reason, other = answer.Why, &Answer{}
		case owner != nil && answer.Reaches && other == nil && from.readsFrom(r.servers, r.to):
			other = &answer
		}
	}
	if other != nil && other.Reaches {
		return *other
	}
	return no("%s", reason)
}

// readsFrom: whether the istiod of a cluster has credentials for another.
func (c *Cluster) readsFrom(servers map[string]*Cluster, of *Cluster) bool {
	for _, server := range c.reads {
		if servers[server] == of {
			return true
		}
	}
	return false
}

func clusterOf(sim *simulation.Simulation, name string) *clusterapi.Cluster {
	for _, c := range sim.Clusters {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (r *request) endpoints(of *Istiod, name string, proxy *model.Proxy) *endpoint.ClusterLoadAssignment {
	builder := endpoints.NewEndpointBuilder(name, proxy, of.PushContext())
	return builder.BuildClusterLoadAssignment(of.Env().EndpointIndex)
}

// chosen are the endpoints that get requests: those of the first priority that has a healthy one, and
// of a locality without weight none.
func chosen(c *clusterapi.Cluster, given *endpoint.ClusterLoadAssignment) (found []*endpoint.LbEndpoint) {
	first := uint32(1 << 31)
	weighs := c.GetCommonLbConfig().GetLocalityWeightedLbConfig() != nil
	usable := func(l *endpoint.LocalityLbEndpoints) (ready []*endpoint.LbEndpoint) {
		if weighs && l.GetLoadBalancingWeight().GetValue() == 0 {
			return nil
		}
		for _, one := range l.LbEndpoints {
			if one.HealthStatus == core.HealthStatus_HEALTHY || one.HealthStatus == core.HealthStatus_UNKNOWN {
				ready = append(ready, one)
			}
		}
		return ready
	}
	for _, l := range given.GetEndpoints() {
		if ready := usable(l); len(ready) > 0 && l.Priority <= first {
			if l.Priority < first {
				first, found = l.Priority, nil
			}
			found = append(found, ready...)
		}
	}
	return found
}

// hop follows a request to one endpoint, and says whose that is.
func (r *request) hop(from *Cluster, used *clusterapi.Cluster, one *endpoint.LbEndpoint) (*Cluster, Answer) {
	address := one.GetEndpoint().GetAddress().GetSocketAddress()
	to, port := address.GetAddress(), address.GetPortValue()
	context := upstream(r.t, used, one)
	for _, c := range r.clusters {
		if pod := c.pod(func(pod *corev1.Pod) bool { return pod.Status.PodIP == to }); pod != nil {
			switch {
			case c != r.to:
				return c, no("%s is a pod of another cluster", to)
			case !r.q.Flat:
				return c, no("%s is a pod of another network", to)
			}
			return c, r.inbound(pod, port, context)
		}
		for _, service := range c.services {
			for _, entry := range service.Status.LoadBalancer.Ingress {
				if entry.IP == to && c != from {
					return c, r.gateway(c, service, port, context)
				}
			}
		}
	}
	return nil, no("nothing answers on %s", to)
}

// gateway follows a request into a cluster: the one that is asked for, or another of its network.
func (r *request) gateway(c *Cluster, service *corev1.Service, port uint32, client *tls.UpstreamTlsContext) Answer {
	if client == nil {
		return no("the gateway gets no TLS")
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	reason := fmt.Sprintf("gateway %s has no pod that is ready", service.Name)
	for _, pod := range c.pods {
		if pod.Namespace != service.Namespace || !isReady(pod) || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		for _, own := range service.Spec.Ports {
			if uint32(own.Port) != port {
				continue
			}
			answer := r.through(c, pod, target(own, pod), client)
			if answer.Reaches {
				return answer
			}
			reason = answer.Why
		}
	}
	return no("%s", reason)
}

func (r *request) through(c *Cluster, pod *corev1.Pod, port int32, client *tls.UpstreamTlsContext) Answer {
	istiod := r.istiod(c)
	router := istiod.proxy(c, pod, model.Router)
	sim := simulation.NewSimulationFromConfigGen(&testing.T{}, istiod.ConfigGenTest, router)
	result := sim.Run(simulation.Call{
		Address: pod.Status.PodIP, Port: int(port), Protocol: simulation.TCP, TLS: simulation.MTLS,
		Alpn: "istio", Sni: client.GetSni(), CallMode: simulation.CallModeGateway,
	})
	if result.Error != nil {
		return no("gateway: %v", result.Error)
	}
	used := clusterOf(sim, result.ClusterMatched)
	if used == nil {
		return no("gateway: there is no cluster for %s", client.GetSni())
	}
	reason := "gateway: there is no endpoint"
	for _, one := range chosen(used, r.endpoints(istiod, used.Name, router)) {
		address := one.GetEndpoint().GetAddress().GetSocketAddress()
		server := r.to.pod(func(pod *corev1.Pod) bool { return pod.Status.PodIP == address.GetAddress() })
		if server == nil {
			reason = fmt.Sprintf("gateway: %s is not a pod of cluster %s", address.GetAddress(), r.to.name)
			continue
		}
		// The gateway passes on what it gets: the TLS is the client's.
		if answer := r.inbound(server, address.GetPortValue(), client); answer.Reaches {
			return answer
		} else {
			reason = answer.Why
		}
	}
	return no("%s", reason)
}

func (r *request) inbound(pod *corev1.Pod, port uint32, client *tls.UpstreamTlsContext) Answer {
	if pod.Annotations[injected] == "" {
		if client != nil {
			return no("the server has no sidecar and gets TLS")
		}
		return Answer{Reaches: true}
	}
	if client != nil && !r.accepts(client, pod) {
		return no("the client does not accept the server's name")
	}
	istiod := r.istiod(r.to)
	server := istiod.proxy(r.to, pod, model.SidecarProxy)
	sim := simulation.NewSimulationFromConfigGen(&testing.T{}, istiod.ConfigGenTest, server)
	call := simulation.Call{Address: pod.Status.PodIP, Port: int(port), Protocol: simulation.TCP, CallMode: simulation.CallModeInbound}
	if r.isHTTP {
		call.Protocol, call.HostHeader = simulation.HTTP, r.q.Service+"."+r.q.Namespace
	}
	if client != nil {
		call.TLS, call.Alpn = simulation.TLS, "http/1.1"
		if len(client.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs()) > 0 {
			call.TLS, call.Alpn = simulation.MTLS, ""
		}
	}
	if result := sim.Run(call); result.Error != nil {
		return no("inbound: %v", result.Error)
	}
	return Answer{Reaches: true}
}

// accepts: whether the names that a client looks for are the server's.
func (r *request) accepts(client *tls.UpstreamTlsContext, pod *corev1.Pod) bool {
	context := client.GetCommonTlsContext().GetCombinedValidationContext().GetDefaultValidationContext()
	wanted := context.GetMatchTypedSubjectAltNames()
	name := fmt.Sprintf("spiffe://%s/ns/%s/sa/%s", r.to.mesh.GetTrustDomain(), pod.Namespace, account(pod))
	for _, one := range wanted {
		if one.GetMatcher().GetExact() == name || one.GetMatcher().GetPrefix() != "" && strings.HasPrefix(name, one.GetMatcher().GetPrefix()) {
			return true
		}
	}
	return len(wanted) == 0
}

// upstream is the TLS that a client speaks to an endpoint; nil for none.
func upstream(t test.Failer, used *clusterapi.Cluster, one *endpoint.LbEndpoint) *tls.UpstreamTlsContext {
	socket := used.GetTransportSocket()
	has := one.GetMetadata().GetFilterMetadata()["envoy.transport_socket_match"].GetFields()
	for _, match := range used.GetTransportSocketMatches() {
		fits := true
		for key, value := range match.GetMatch().GetFields() {
			fits = fits && has[key].GetStringValue() == value.GetStringValue()
		}
		if fits {
			socket = match.GetTransportSocket()
			break
		}
	}
	if socket == nil || socket.GetTypedConfig() == nil {
		return nil
	}
	context := &tls.UpstreamTlsContext{}
	if socket.GetTypedConfig().MessageIs(context) {
		must(t, socket.GetTypedConfig().UnmarshalTo(context))
		return context
	}
	return nil
}
